//! The robbery on the stage: how things stand at a step, in words and as plain data.

use jiff::Timestamp;
use rescind_api::{Rescind, Visitor};
use rescind_lab::{self as lab, Who as Asker};
use rescind_session::{Check, token::Generation};

use super::{
    DemoState, SCREEN, doors,
    log::clock_time,
    robbery::{Held, Moment, RobberyState, What},
    scene::{self, Scene, button, buttons},
    thief,
    words::{Refreshed, StoryText, WORDS},
};
use crate::{
    content::{Facts, first, say, word, yes},
    pages::device_name::device_name,
    trace::{
        class_of, names,
        stage::{Actor, Alarm, Button, Chip, Kept, Life, Next, Stage, Story, StoryStep, words},
    },
};

/// The stage before a robbery, for a page that has no visitor yet.
pub(crate) fn opening(rescind: &Rescind, state: &DemoState) -> Stage {
    let scene = Scene {
        now: Timestamp::UNIX_EPOCH,
        rescind,
        robbery: None,
        state: RobberyState::default(),
        is_past: false,
        visitor: Some(&Visitor::Anonymous),
        name: None,
        is_other: false,
        cookie: None,
        thief_at: state.thief.address(),
        stores: &state.stores,
    };
    staged(&scene, &scene, &[0], 0)
}

/// Tells a logged-in visitor who they are, and that the robbery ends their login.
pub(crate) fn greet(opening: &mut Stage, name: &str) {
    let facts = Facts::default().with("name", name);
    let logged_in = facts.clone().with("visitor", "logged-in").with("named", "yes");
    opening.you.state = say(&WORDS.you, &logged_in);
    opening.warning = Some(say(&WORDS.ends, &facts.with("next", "BeRobbed").with("other", "yes")));
}

/// `newest`: the scene now; `scene`: the one at the step that is shown.
pub(super) fn staged(newest: &Scene, scene: &Scene, steps: &[usize], shown: usize) -> Stage {
    let facts = scene.facts();
    let told = story(&facts);
    let doors = doors::both(scene, &facts);
    let last_step = steps.len();
    let address = |step: usize| match step {
        step if step == last_step => SCREEN.to_owned(),
        step => format!("{SCREEN}?step={step}"),
    };
    let next = button(&scene::next(&facts).button).filter(|_| !scene.is_past);
    let moments = scene.robbery.map_or(&[][..], |robbery| robbery.moments.as_slice());
    let count_before = |step: usize| {
        let before = step.checked_sub(1).and_then(|before| steps.get(before));
        before.copied().unwrap_or_default()
    };
    // The moments of the step that is shown.
    let from = count_before(shown);
    let count = steps.get(shown).copied().unwrap_or_default();
    let here = moments.get(from..count).unwrap_or_default();
    let last = here
        .iter()
        .rev()
        .find(|moment| !matches!(moment.what, What::Bought { .. }));
    let drawn = |(step, count): (usize, &usize)| {
        let begun = moments.get(count_before(step)..*count).and_then(<[Moment]>::first);
        let state = state_after(scene, *count);
        let at = moments.get(..*count).and_then(<[Moment]>::last).map(|moment| moment.at);
        let next = moments.get(*count).map(|moment| moment.at);
        // Until the next step, or now; after the end of the session also what is still ahead.
        let is_told =
            |expiry: Timestamp| expiry <= next.unwrap_or(newest.now) || next.is_none() && state.ended_at().is_some();
        let expiry = state.thief.as_ref().map(|thief| thief.expires_at);
        StoryStep {
            address: address(step + 1),
            mark: begun.map_or_else(String::new, |moment| say(&WORDS.mark, &named(moment))),
            yours: begun.is_some_and(|moment| moment.who != Asker::Thief),
            doors: doors::verdicts(&state, at.unwrap_or(scene.now)),
            ends: expiry
                .filter(|expiry| is_told(*expiry))
                .map_or_else(String::new, |at| clock_time(at).words),
        }
    };
    let steps: Vec<_> = steps.iter().enumerate().map(drawn).collect();
    let thief_now = newest.state.thief.as_ref();
    let expired = thief_now.is_some_and(|thief| newest.now >= thief.expires_at);
    let warning = if scene.is_past {
        words("earlier").to_owned()
    } else {
        say(&WORDS.ends, &facts)
    };
    Stage {
        headline: told.heading,
        lead: told.lead,
        alarm: scene.state.reuse().map(|reuse| Alarm {
            at: clock_time(reuse.used_at),
            from: format!("“{}” at {}", device_name(Some(thief::AGENT)), scene.thief_at),
            brief: scene.state.tried_after_end(),
        }),
        next: next.map_or(Next::Follow, Next::Press),
        warning: Some(warning).filter(|warning| !warning.is_empty()),
        message: last.map(|moment| (class_of(moment.who), says(moment))),
        server: words("server"),
        you: you(scene, &facts),
        thief: thief(scene, &facts),
        stores: kept(scene, &facts, &state_after(scene, from)),
        story: Story {
            steps,
            shown,
            to_come: scene::next(&newest.facts()).to_come,
            rows: doors.iter().map(|door| door.name).collect(),
            expired,
        },
        doors: doors.into(),
        ..Stage::default()
    }
}

fn state_after(scene: &Scene, moments: usize) -> RobberyState {
    scene.robbery.map(|robbery| robbery.after(moments)).unwrap_or_default()
}

/// What each store holds of the robbed session, and whether that was otherwise `before` this step.
fn kept(scene: &Scene, facts: &Facts, before: &RobberyState) -> Vec<Kept> {
    let (policy, now) = (scene.rescind.service().policy(), &scene.state);
    let listed = |state: &RobberyState| state.ended_at().filter(|_| !state.is_unconfirmed());
    let row = |state: &RobberyState| (state.you.is_none(), state.ended_at(), state.generation());
    // The logout after an unconfirmed one finds the row closed.
    let writes = policy.keeps_sessions() && !before.is_unconfirmed() && row(before) != row(now);
    let newest = now.generation();
    let facts = facts
        .clone()
        .with(
            "generation",
            newest.map_or_else(String::new, |newest| newest.to_string()),
        )
        .with("refreshes", yes(newest.is_some()));
    let store = |name: &'static str, fact: &'static str, changed| {
        let holds = say(&WORDS.stores, &facts.clone().with("store", fact));
        Kept { name, holds, changed }
    };
    let lists = policy.check == Check::Blacklist && listed(before) != listed(now);
    vec![
        store("Blacklist", "blacklist", lists),
        store("Database", "database", writes),
    ]
}

fn story(facts: &Facts) -> StoryText {
    let mut facts = facts.clone();
    if let Some(doors) = first(&WORDS.doors, &facts) {
        facts.set("doors_heading", doors.heading.as_str());
        facts.set("doors", doors.lead.as_str());
    }
    let told = first(&WORDS.story, &facts);
    let fill = |part: fn(&StoryText) -> &String| told.map_or_else(String::new, |story| facts.fill(part(story)));
    StoryText {
        heading: fill(|story| &story.heading),
        lead: fill(|story| &story.lead),
    }
}

fn you(scene: &Scene, facts: &Facts) -> Actor {
    let keeps = scene.state.keeps_cookies();
    let generation = scene.your_generation().filter(|_| keeps);
    let held = scene.state.you.as_ref();
    let gone = Life::Gone(words("dropped"));
    let all = held.map_or(0, |held| held.life.as_secs());
    let logged_in = scene.logged_in().filter(|_| !scene.is_past);
    let life = match logged_in {
        Some(who) => Some(Life::until(who.claims().expires_at, scene.now, all, true)),
        None if !keeps => held.map(|_| gone.clone()),
        None => held.map(|held| Life::until(held.expires_at, scene.now, all, false)),
    };
    let refresh = match generation {
        Some(generation) => Some(refresh(generation, Life::Open)),
        // Beside another login, the tokens of the robbed one are not shown.
        None => held
            .filter(|_| logged_in.is_none())
            .and_then(|held| held.generation)
            .map(|generation| refresh(generation, gone)),
    };
    let chips = life.map(access).into_iter().chain(refresh).collect();
    actor(scene, say(&WORDS.you, facts), chips, buttons(&WORDS.you_may, facts))
}

fn thief(scene: &Scene, facts: &Facts) -> Actor {
    let mut chips = Vec::new();
    if let Some(held) = &scene.state.thief {
        chips.push(access(Life::until(
            held.expires_at,
            scene.now,
            held.life.as_secs(),
            !scene.is_past,
        )));
        if let Some(generation) = held.generation {
            let ended = scene.state.ended_at().map(|_| Life::Gone(words("spent")));
            chips.push(refresh(generation, ended.unwrap_or(Life::Open)));
        }
    }
    let mut state = say(&WORDS.thief, facts);
    if let Some(outcome) = scene.state.thief.as_ref().and_then(Held::refreshed) {
        let outcome = refreshed(outcome, "", |refreshed| &refreshed.state);
        state = format!("{state} {outcome}");
    }
    actor(scene, state, chips, buttons(&WORDS.thief_may, facts))
}

/// At an earlier step there is nothing to press: a button acts on the newest.
fn actor(scene: &Scene, state: String, chips: Vec<Chip>, mut may: Vec<Button>) -> Actor {
    may.retain(|_| !scene.is_past);
    Actor { state, chips, may }
}

fn access(life: Life) -> Chip {
    Chip {
        name: words("access"),
        more: String::new(),
        life,
    }
}

fn refresh(generation: Generation, life: Life) -> Chip {
    Chip {
        name: words("refresh"),
        more: format!("{} {generation}", words("generation")),
        life,
    }
}

fn refreshed(exchange: &lab::Refreshed, who: &str, part: fn(&Refreshed) -> &String) -> String {
    let mut facts = Facts::default().with("came_to", word(exchange)).with("Who", who);
    match exchange {
        lab::Refreshed::Next(generation) | lab::Refreshed::Forgiven(generation) => {
            facts.set("generation", generation.get().to_string());
        }
        lab::Refreshed::Refused(code) => facts.set("code", code.as_str()),
        lab::Refreshed::Reused | lab::Refreshed::Closed => {}
    }
    first(&WORDS.refreshed, &facts).map_or_else(String::new, |told| facts.fill(part(told)))
}

fn named(moment: &Moment) -> Facts {
    let who = names(moment.who).subject.as_str();
    let mut facts = Facts::default().with("Who", who).with("what", moment.what.name());
    facts.set("who", word(moment.who));
    match &moment.what {
        What::CopiedRefresh(generation) => facts.set("generation", generation.get().to_string()),
        What::Tried(tried) => {
            let others: Vec<_> = tried.elsewhere.iter().map(|at| at.attempt.status()).collect();
            facts.set("asking", tried.asking.status());
            facts.set("signature", tried.signature.status());
            facts.set("others", others.join(", "));
        }
        What::Ended(how) => facts.set("how", *how),
        _ => {}
    }
    facts
}

pub(super) fn says(moment: &Moment) -> String {
    let facts = named(moment);
    match &moment.what {
        What::Exchanged(exchange) => refreshed(exchange, &facts.fill("{Who}"), |refreshed| &refreshed.moment),
        _ => say(&WORDS.moment, &facts),
    }
}
