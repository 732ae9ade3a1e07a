//! Conditions on what happened in a sandbox: pure functions over its steps.
//!
//! A condition asks for what came of a step and for the check that decided it, not for which buttons were pressed. Whoever
//! gets there another way has got there.

use std::{str::FromStr, time::Duration};

use rescind_lab::{
    Action, Decided, Exchange, Mood, Outcome, Step, Who,
    meter::{Access, Store},
};

/// A condition. In the file of the exercises it has the name of its function.
pub(crate) struct Condition(pub(super) fn(&[Step]) -> bool);

impl FromStr for Condition {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(Self(match name {
            "copied" => copied,
            "let_in_unasked" => let_in_unasked,
            "let_in_for_an_hour" => let_in_for_an_hour,
            "refused_by_its_age" => refused_by_its_age,
            "let_in_by_the_row" => let_in_by_the_row,
            "logged_out_after_the_theft" => logged_out_after_the_theft,
            "refused_by_the_row" => refused_by_the_row,
            "let_in_after_logout" => let_in_after_logout,
            "let_in_long_after_logout" => let_in_long_after_logout,
            "copied_the_refresh_token" => copied_the_refresh_token,
            "thief_refreshed" => thief_refreshed,
            "theft_was_noticed" => theft_was_noticed,
            "thief_is_out_too" => thief_is_out_too,
            "blacklist_is_in_doubt" => blacklist_is_in_doubt,
            "thief_was_told_503" => thief_was_told_503,
            "thief_was_told_401" => thief_was_told_401,
            "logged_out_half_way" => logged_out_half_way,
            "server_died_of_it" => server_died_of_it,
            "another_server_refuses" => another_server_refuses,
            _ => return Err("no such condition"),
        }))
    }
}

/// What the thief sent to the API, with the number of the step, in order.
fn replays(steps: &[Step]) -> impl Iterator<Item = (&Step, &Exchange)> {
    let of = |step| exchanges(step).filter(|exchange| exchange.who == Who::Thief && exchange.request.path == "/api/me");
    steps
        .iter()
        .flat_map(move |step| of(step).map(move |exchange| (step, exchange)))
}

fn exchanges(step: &Step) -> impl Iterator<Item = &Exchange> {
    step.exchanges.iter()
}

fn first(steps: &[Step], action: Action) -> Option<&Step> {
    steps.iter().find(|step| step.action == action)
}

/// What happened after a step.
fn after<'a>(steps: &'a [Step], step: &Step) -> &'a [Step] {
    steps.get(step.number..).unwrap_or_default()
}

fn reads(exchange: &Exchange, store: Store) -> usize {
    exchange.count(&[store], Access::Read)
}

fn is_let_in(exchange: &Exchange) -> bool {
    exchange.outcome == Outcome::Accepted
}

fn is_refused_by(exchange: &Exchange, check: Decided) -> bool {
    exchange.outcome == Outcome::Refused && exchange.decided == check
}

/// The thief has a copy of what is sent with each request.
fn copied(steps: &[Step]) -> bool {
    first(steps, Action::CopyAccess).is_some()
}

/// One login, and one only: whoever logs in again has another token.
fn logged_in_once(steps: &[Step]) -> bool {
    steps.iter().filter(|step| step.action == Action::LogIn).count() == 1
}

// Chapter 1

/// The copy was let in, and no store was asked.
fn let_in_unasked(steps: &[Step]) -> bool {
    replays(steps).any(|(_, sent)| {
        is_let_in(sent)
            && [Store::Sessions, Store::Blacklist]
                .iter()
                .all(|store| reads(sent, *store) == 0)
    })
}

/// And again, an hour or more later.
fn let_in_for_an_hour(steps: &[Step]) -> bool {
    let mut times = replays(steps)
        .filter(|(_, sent)| is_let_in(sent))
        .map(|(step, _)| step.at);
    let Some(first) = times.next() else { return false };
    logged_in_once(steps) && times.any(|at| at.saturating_sub(first) >= minutes(60))
}

/// And refused at last, because its time was over.
fn refused_by_its_age(steps: &[Step]) -> bool {
    logged_in_once(steps)
        && replays(steps)
            .skip_while(|(_, sent)| !is_let_in(sent))
            .any(|(_, sent)| is_refused_by(sent, Decided::Expiry))
}

// Chapter 2

/// The copy was let in after a look at the session's row.
fn let_in_by_the_row(steps: &[Step]) -> bool {
    replays(steps).any(|(_, sent)| is_let_in(sent) && reads(sent, Store::Sessions) > 0)
}

/// You have logged out, with the copy taken before.
fn logged_out_after_the_theft(steps: &[Step]) -> bool {
    the_logout(steps).is_some()
}

fn the_logout(steps: &[Step]) -> Option<&Step> {
    let theft = first(steps, Action::CopyAccess)?;
    first(after(steps, theft), Action::LogOut)
}

/// The copy was refused, though it was genuine and in time.
fn refused_by_the_row(steps: &[Step]) -> bool {
    replays(steps).any(|(_, sent)| is_refused_by(sent, Decided::SessionRow))
}

// Chapter 3

fn let_in_after_the_logout(steps: &[Step], for_as_long_as: Duration) -> bool {
    let Some(logout) = the_logout(steps) else { return false };
    logged_in_once(steps)
        && replays(after(steps, logout))
            .any(|(step, sent)| is_let_in(sent) && step.at.saturating_sub(logout.at) >= for_as_long_as)
}

/// The copy was let in after your logout.
fn let_in_after_logout(steps: &[Step]) -> bool {
    let_in_after_the_logout(steps, Duration::ZERO)
}

/// And eleven hours after it.
fn let_in_long_after_logout(steps: &[Step]) -> bool {
    let_in_after_the_logout(steps, minutes(11 * 60))
}

// Chapter 5

/// The thief has a copy of the refresh token.
fn copied_the_refresh_token(steps: &[Step]) -> bool {
    first(steps, Action::CopyRefresh).is_some()
}

/// The thief has exchanged it, and got a successor.
fn thief_refreshed(steps: &[Step]) -> bool {
    steps
        .iter()
        .filter(|step| step.action == Action::ThiefRefreshes)
        .flat_map(exchanges)
        .any(is_let_in)
}

/// A spent refresh token came back and was known as such.
fn theft_was_noticed(steps: &[Step]) -> bool {
    noticed(steps).is_some()
}

fn noticed(steps: &[Step]) -> Option<&Step> {
    steps
        .iter()
        .find(|step| exchanges(step).any(|sent| is_refused_by(sent, Decided::Generation)))
}

/// And the thief, who had a good one, is out too.
fn thief_is_out_too(steps: &[Step]) -> bool {
    let Some(noticed) = noticed(steps) else { return false };
    let refused = |sent: &Exchange| sent.who == Who::Thief && sent.outcome == Outcome::Refused;
    after(steps, noticed)
        .iter()
        .filter(|step| step.action == Action::ThiefRefreshes)
        .flat_map(exchanges)
        .any(refused)
}

// Chapter 9

/// After the logout the blacklist lost what it knew, or did not answer.
fn blacklist_is_in_doubt(steps: &[Step]) -> bool {
    let Some(logout) = the_logout(steps) else { return false };
    after(steps, logout)
        .iter()
        .any(|step| !step.after.blacklist_is_whole || matches!(step.after.mood, Mood::Stopped | Mood::Slow))
}

fn unanswered(steps: &[Step]) -> Option<&Step> {
    let logout = the_logout(steps)?;
    replays(after(steps, logout))
        .find(|(_, sent)| sent.outcome == Outcome::CannotTell)
        .map(|(step, _)| step)
}

/// The thief was told 503.
fn thief_was_told_503(steps: &[Step]) -> bool {
    unanswered(steps).is_some()
}

/// And 401 afterwards, from the blacklist, for the same token.
fn thief_was_told_401(steps: &[Step]) -> bool {
    let Some(unanswered) = unanswered(steps) else {
        return false;
    };
    logged_in_once(steps) && replays(after(steps, unanswered)).any(|(_, sent)| is_refused_by(sent, Decided::Blacklist))
}

// Chapter 10

/// The logout that the blacklist has not heard of.
fn half_a_logout(steps: &[Step]) -> Option<&Step> {
    let logout = the_logout(steps)?;
    (logout.after.mood == Mood::Stopped && !logout.after.log.is_empty()).then_some(logout)
}

/// You have logged out while the blacklist did not answer.
fn logged_out_half_way(steps: &[Step]) -> bool {
    half_a_logout(steps).is_some()
}

/// The only server that knew of it is gone, before it could tell.
fn server_died_of_it(steps: &[Step]) -> bool {
    killed_before_it_told(steps).is_some()
}

fn killed_before_it_told(steps: &[Step]) -> Option<&Step> {
    let logout = half_a_logout(steps)?;
    let killed = first(after(steps, logout), Action::KillServer)?;
    (killed.after.mood == Mood::Stopped).then_some(killed)
}

/// Another server has refused the copy, because of the blacklist.
fn another_server_refuses(steps: &[Step]) -> bool {
    let Some(killed) = killed_before_it_told(steps) else {
        return false;
    };
    let after_it = after(steps, killed);
    logged_in_once(steps)
        && steps.iter().filter(|step| step.action == Action::LogOut).count() == 1
        && replays(after_it).any(|(_, sent)| is_refused_by(sent, Decided::Blacklist))
}

/// A length of time in a condition.
pub(super) const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}
