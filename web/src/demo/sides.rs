//! The two sides of the screen: what each of you holds, and may do.

use rescind_api::Visitor;

use super::{
    door_view::countdown,
    heist::{Exchange, Heist},
    phase::Phase,
    screen::Scene,
    step::Step,
};
use crate::pages::times::Time;

/// You.
pub(crate) struct You {
    pub(crate) state: String,
    /// How long your own access token lives.
    pub(crate) token_left: Option<Time>,
    /// The generation of your refresh token.
    pub(crate) generation: Option<u32>,
    /// Beside the next step.
    pub(crate) may: Vec<Step>,
}

/// The thief.
pub(crate) struct Thief {
    pub(crate) state: &'static str,
    /// How long the stolen access token lives.
    pub(crate) token_left: Option<Time>,
    /// The generation of their refresh token.
    pub(crate) generation: Option<u32>,
    /// What came of their last refresh.
    pub(crate) exchange: Option<String>,
    pub(crate) may: Vec<Step>,
}

impl You {
    pub(crate) fn of(scene: &Scene) -> Self {
        let (next, phase) = (Step::next(scene), Phase::of(scene));
        let victim = scene.heist.filter(|heist| scene.is_the_victim(heist));
        let open = scene.heist.is_some_and(|heist| heist.ended_at().is_none());
        let mut may = Vec::new();
        if victim.is_some() && open {
            may.push(Step::LogOut);
        }
        if phase == Phase::BothHoldIt && scene.heist.is_some_and(|heist| scene.your_generation(heist).is_some()) {
            may.push(Step::YouRefresh);
        }
        may.retain(|step| *step != next);
        Self {
            state: state(scene),
            token_left: scene
                .logged_in()
                .map(|who| countdown(who.claims().expires_at, scene.now)),
            generation: scene
                .heist
                .filter(|heist| heist.ended_at().is_none())
                .and_then(|heist| scene.your_generation(heist))
                .map(|generation| generation.get()),
            may,
        }
    }
}

fn state(scene: &Scene) -> String {
    match (scene.visitor, scene.name) {
        (Some(Visitor::LoggedIn(_)), Some(name)) => format!("Logged in as {name}."),
        (Some(Visitor::LoggedIn(_)), None) => "Logged in.".to_owned(),
        (Some(Visitor::Stale), _) if scene.heist.is_some_and(|heist| heist.ended_at().is_some()) => {
            "Your session was ended. You will have to log in again.".to_owned()
        }
        (Some(Visitor::Stale), _) => {
            "Your access token has run out. Your refresh token buys the next one with the next private page.".to_owned()
        }
        (Some(Visitor::Anonymous), _) => match scene.heist.map(Heist::reuse) {
            Some(Some(_)) => "Your session was ended. You have to log in again.".to_owned(),
            Some(None) => "Logged out.".to_owned(),
            None => "Not logged in.".to_owned(),
        },
        (None, _) => "Whether you are logged in cannot be told: a store does not answer.".to_owned(),
    }
}

impl Thief {
    pub(crate) fn of(scene: &Scene) -> Self {
        let (next, phase) = (Step::next(scene), Phase::of(scene));
        let Some(heist) = scene.heist else {
            return Self {
                state: "Holds nothing of yours yet.",
                token_left: None,
                generation: None,
                exchange: None,
                may: Vec::new(),
            };
        };
        let mut may = vec![Step::tries(scene)];
        match phase {
            Phase::BothHoldIt if next == Step::YouRefresh => may.push(Step::ThiefRefreshesAgain),
            Phase::Ended | Phase::TriedAfterEnd if heist.refresh().is_some() => may.push(Step::ThiefRefreshesAgain),
            _ => {}
        }
        may.retain(|step| *step != next);
        let left = scene.now < heist.expires_at();
        Self {
            state: match (left, heist.refresh().is_some()) {
                (true, false) => "Holds a copy of your access token.",
                (false, false) => "Holds a copy of your access token, which has run out.",
                (_, true) if heist.ended_at().is_some() => {
                    "Holds a copy of your refresh token, which buys nothing any more: the session was ended."
                }
                (_, true) => "Holds a copy of your refresh token, and buys access tokens with it.",
            },
            token_left: left.then(|| countdown(heist.expires_at(), scene.now)),
            generation: heist.generation().map(|generation| generation.get()),
            exchange: heist.thiefs_exchange().map(told),
            may,
        }
    }
}

fn told(exchange: Exchange) -> String {
    match exchange {
        Exchange::Next(generation) => format!("200, and generation {}", generation.get()),
        Exchange::Forgiven(generation) => {
            format!(
                "200, and the same generation {}: within the grace it is taken for a second tab",
                generation.get()
            )
        }
        Exchange::Reused => "401 refresh_reused".to_owned(),
        Exchange::Closed => "401 session_closed".to_owned(),
        Exchange::Refused(code) => format!("refused: {code}"),
    }
}
