//! The story's progress: the facts when a screen is drawn, and the next step.

use std::net::IpAddr;

use jiff::Timestamp;
use rescind_api::{Authenticated, Rescind, Visitor};
use rescind_lab::Who;
use rescind_session::token::{Generation, PresentedRefreshToken};

use super::{
    robbery::{Act, Robbery, RobberyState},
    words::{Next, WORDS},
};
use crate::{
    content::{Case, Facts, first, word, yes},
    stores::Stores,
    trace::stage::Button,
};

#[derive(Clone)]
pub(super) struct Scene<'a> {
    /// The time of the step that is shown.
    pub(super) now: Timestamp,
    pub(super) rescind: &'a Rescind,
    pub(super) robbery: Option<&'a Robbery>,
    /// How things stood at the step that is shown.
    pub(super) state: RobberyState,
    /// Whether that is an earlier step.
    pub(super) is_past: bool,
    /// Who looks at the screen, if that is known.
    pub(super) visitor: Option<&'a Visitor>,
    /// The viewer's name, if it is known.
    pub(super) name: Option<&'a str>,
    /// Whether it is another account than the visitor's own.
    pub(super) is_other: bool,
    /// The refresh token in the browser's cookies.
    pub(super) cookie: Option<&'a PresentedRefreshToken>,
    pub(super) thief_at: IpAddr,
    pub(super) stores: &'a Stores,
}

impl<'a> Scene<'a> {
    /// The same after only so many moments.
    pub(super) fn at(&self, robbery: &'a Robbery, moments: usize) -> Self {
        let last = robbery
            .moments
            .get(..moments)
            .and_then(<[_]>::last)
            .or(robbery.moments.first());
        Self {
            now: last.map_or(self.now, |moment| moment.at),
            state: robbery.after(moments),
            is_past: true,
            ..self.clone()
        }
    }

    /// Whether the browser is logged in with the session that was robbed.
    fn is_the_victim(&self, robbery: &Robbery) -> bool {
        let by_access = self.logged_in().is_some_and(|who| who.session_id() == robbery.session);
        by_access || self.your_generation().is_some() && !matches!(self.visitor, Some(Visitor::Anonymous))
    }

    pub(super) fn logged_in(&self) -> Option<&Authenticated> {
        match self.visitor {
            Some(Visitor::LoggedIn(authenticated)) => Some(authenticated),
            _ => None,
        }
    }

    /// The generation of the browser's refresh token, if it is of the session that was robbed.
    pub(super) fn your_generation(&self) -> Option<Generation> {
        if self.is_past {
            let keeps = self.state.keeps_cookies();
            return self.state.you.as_ref().filter(|_| keeps)?.generation;
        }
        let cookie = self.cookie?;
        (cookie.unverified_session_id() == self.robbery?.session).then(|| cookie.unverified_generation())
    }

    fn left(&self) -> bool {
        let thief = self.state.thief.as_ref();
        thief.is_some_and(|thief| self.now < thief.expires_at)
    }

    pub(super) fn facts(&self) -> Facts {
        let state = &self.state;
        let tried = |first| {
            let tried = state.tried.as_ref();
            tried.map_or("nothing", |tried| tried.at_door(first).name())
        };
        let visitor = match self.visitor {
            // What the browser was then is not known.
            _ if self.is_past => "past",
            Some(Visitor::LoggedIn(_)) => "logged-in",
            Some(Visitor::Stale) => "stale",
            Some(Visitor::Anonymous) => "anonymous",
            None => "unknown",
        };
        let by = state.ended.map_or_else(String::new, |(_, by)| word(by));
        let policy = self.rescind.service().policy();
        let yours = self.your_generation();
        // Without refresh tokens there is no second act.
        let again = match self.robbery.map_or(Act::First, Robbery::next_act) {
            Act::Second if policy.refresh.is_some() => Act::Second,
            _ => Act::First,
        };
        let victim = self.is_past || self.robbery.is_some_and(|robbery| self.is_the_victim(robbery));
        let facts = Facts::default()
            .with("phase", phase(state))
            .with("asking", tried(true))
            .with("signature", tried(false))
            .with("check", word(policy.check))
            .with("keeps", yes(policy.keeps_sessions()))
            .with("victim", yes(victim))
            .with("shared", yes(self.stores.is_shared))
            .with("ended", yes(state.ended_at().is_some()))
            .with("left", yes(self.left()))
            .with("replayed", yes(state.replayed))
            .with("refresh", yes(state.both_refresh()))
            .with("by", by)
            .with(
                "ahead",
                ahead(yours, state.thief.as_ref().and_then(|thief| thief.generation)),
            )
            .with("holds", yes(yours.is_some()))
            .with("named", yes(self.name.is_some()))
            .with("name", self.name.unwrap_or_default())
            .with("other", yes(self.is_other))
            .with("visitor", visitor)
            .with("again", word(again))
            .with("act", word(self.robbery.map_or(Act::First, |robbery| robbery.act)));
        let facts = match state.reuse().map(|reuse| reuse.noticed_by) {
            Some(Who::Thief) => facts.with("noticed", "thief"),
            Some(Who::You | Who::Browser) => facts.with("noticed", "you"),
            _ => facts,
        };
        let next = next(&facts);
        facts.with("next", next.button.as_str())
    }
}

/// By how many generations the thief is ahead: 0, 1, 2 for more, or behind; empty if only one of you has a refresh token.
fn ahead(yours: Option<Generation>, theirs: Option<Generation>) -> &'static str {
    let ahead = yours
        .zip(theirs)
        .map(|(yours, theirs)| theirs.get().checked_sub(yours.get()));
    match ahead {
        None => "",
        Some(None) => "behind",
        Some(Some(0)) => "0",
        Some(Some(1)) => "1",
        Some(Some(_)) => "2",
    }
}

fn phase(state: &RobberyState) -> &'static str {
    match state.ended {
        None if state.you.is_none() => "not-robbed",
        // While both can refresh, there is another token.
        None if state.both_refresh() => "both-hold-it",
        // The thief has the access token, and you are still logged in.
        None => "robbed",
        Some(_) if state.tried_after_end() => "tried-after-end",
        Some(_) => "ended",
    }
}

pub(super) fn next(facts: &Facts) -> &'static Next {
    static NOTHING: Next = Next {
        button: String::new(),
        to_come: 0,
    };
    first(&WORDS.next, facts).unwrap_or(&NOTHING)
}

/// These buttons, but not the one of the next step.
pub(super) fn buttons(names: &[Case<Vec<String>>], facts: &Facts) -> Vec<Button> {
    let names = first(names, facts).map_or(&[][..], Vec::as_slice);
    let others = names.iter().filter(|name| **name != next(facts).button);
    others.filter_map(|name| button(name)).collect()
}

pub(super) fn button(name: &str) -> Option<Button> {
    let button = WORDS.buttons.get(name)?;
    Some(Button::of(button.action.as_str(), button.label.as_str()))
}
