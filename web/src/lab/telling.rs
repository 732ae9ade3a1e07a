//! What just happened, and what it means, in words: one sentence for the eye, one for the mind.
//!
//! Everything that is said follows from the requests of the step and from the policy. No sentence takes an outcome for
//! granted: under other lifetimes, or beside a broken store, the same button ends otherwise.

use std::time::Duration;

use rescind_lab::{Action, Answer, Decided, Exchange, Mood, Outcome, Step, Who};
use rescind_session::Check;

use crate::pages::times::to_the_second;

/// What is told of a step.
pub(crate) struct Told {
    /// "The thief is in: nobody was asked."
    pub(crate) headline: String,
    /// What it means.
    pub(crate) meaning: String,
    /// What whoever asked was told: you, the thief, or both.
    pub(crate) said: Vec<Said>,
}

/// What somebody was told.
pub(crate) struct Said {
    pub(crate) who: &'static str,
    pub(crate) outcome: Outcome,
    /// "401 token_revoked"
    pub(crate) reply: String,
    pub(crate) decided: &'static str,
}

impl Said {
    fn of(exchange: &Exchange) -> Self {
        Self {
            who: name(exchange.who),
            outcome: exchange.outcome,
            reply: reply(exchange),
            decided: exchange.decided.words(),
        }
    }

    pub(crate) fn class(&self) -> &'static str {
        class(self.outcome)
    }

    pub(crate) fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::Accepted => "Accepted",
            Outcome::Refused => "Refused",
            Outcome::CannotTell => "Refused, since nobody can tell",
            Outcome::NoServer => "No answer",
        }
    }
}

/// The colour of an outcome.
pub(crate) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Refused | Outcome::CannotTell => "refused",
        Outcome::NoServer => "",
    }
}

pub(crate) fn name(who: Who) -> &'static str {
    match who {
        Who::You => "You",
        Who::Thief => "The thief",
    }
}

/// Status and code, or that there was none.
pub(crate) fn reply(exchange: &Exchange) -> String {
    let Some(reply) = &exchange.reply else {
        return "no answer".to_owned();
    };
    let status = reply.status.as_u16();
    match exchange.code() {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

/// Where a step stands: under which answer, and what came before.
pub(crate) struct Context<'a> {
    pub(crate) answer: Answer,
    pub(crate) check: Check,
    /// Every step up to this one.
    pub(crate) steps: &'a [Step],
}

impl Context<'_> {
    /// Tells of the last of the steps; nothing, if there is none.
    pub(crate) fn tell(&self) -> Option<Told> {
        let step = self.steps.last()?;
        let last_of = |who| step.exchanges.iter().rev().find(move |exchange| exchange.who == who);
        let said: Vec<_> = [last_of(Who::You), last_of(Who::Thief)].into_iter().flatten().collect();
        Some(Told {
            headline: self.headline(step, &said),
            meaning: self.meaning(step, &said),
            said: said.into_iter().map(Said::of).collect(),
        })
    }

    fn headline(&self, step: &Step, said: &[&Exchange]) -> String {
        match said {
            [] => self.deed(step),
            [one] => self.outcome(one),
            [one, other] if one.outcome == other.outcome && one.outcome == Outcome::CannotTell => {
                "Neither of you is let in: the server cannot tell, so it says no.".to_owned()
            }
            [one, other] if one.outcome == other.outcome && one.outcome == Outcome::NoServer => {
                "Neither of you got an answer: the server does not run.".to_owned()
            }
            both => {
                let both: Vec<_> = both.iter().map(|one| self.outcome(one)).collect();
                both.join(" ")
            }
        }
    }

    /// What came of a request, in a sentence.
    fn outcome(&self, exchange: &Exchange) -> String {
        let (who, is) = match exchange.who {
            Who::You => ("You", "You are"),
            Who::Thief => ("The thief", "The thief is"),
        };
        if !exchange.arrived && exchange.reply.is_some() {
            return "The server has refreshed, and its reply got lost on the way.".to_owned();
        }
        match (exchange.outcome, exchange.request.path) {
            (Outcome::NoServer, _) => format!("{who} got no answer: the server does not run."),
            (Outcome::CannotTell, "/logout") => "You are not logged out for sure: 503, try again.".to_owned(),
            (Outcome::CannotTell, _) => format!("{is} not let in: the server cannot tell, so it says no."),
            (Outcome::Accepted, "/login") => "You are logged in.".to_owned(),
            (Outcome::Accepted, "/logout") => "You are logged out.".to_owned(),
            (Outcome::Accepted, "/api/refresh") => format!("{who} got a new access token, and the next refresh token."),
            (Outcome::Accepted, _) => format!("{is} in: {}.", self.why_in()),
            (Outcome::Refused, "/logout") => format!("There was nothing to log out: {}.", self.why_out(exchange)),
            (Outcome::Refused, "/login") => format!("The login was refused: {}.", self.why_out(exchange)),
            (Outcome::Refused, "/api/refresh") => format!("{who} got no new tokens: {}.", self.why_out(exchange)),
            (Outcome::Refused, _) => format!("{is} refused: {}.", self.why_out(exchange)),
        }
    }

    fn why_in(&self) -> &'static str {
        match (self.answer, self.check) {
            (Answer::Sessions, _) => "the row of the session is there",
            (_, Check::Nothing) => "nobody was asked",
            (_, Check::Session) => "the session’s row was looked up, and is open",
            (_, Check::Blacklist) => "the blacklist was asked, and has no entry",
        }
    }

    fn why_out(&self, exchange: &Exchange) -> &'static str {
        match exchange.code().as_deref() {
            Some("token_missing") => "no token was sent",
            Some("not_logged_in") => "there is no such session, or no cookie was sent",
            Some("token_expired") => "the token has expired",
            Some("token_revoked") if self.check == Check::Blacklist => "the session is on the blacklist",
            Some("token_revoked") => "the session’s row is closed",
            Some("refresh_reused") => "that refresh token had been exchanged before, so the session was ended",
            Some("refresh_expired") => "the session lay idle for too long, or is too old",
            Some("session_closed") => "the session is closed",
            Some("policy_has_no_refresh") => "there are no refresh tokens here",
            _ => exchange.decided.words(),
        }
    }

    /// What was done, where nobody sent anything.
    fn deed(&self, step: &Step) -> String {
        let sessions = self.answer == Answer::Sessions;
        match step.action {
            Action::CopyAccess if sessions => "The thief has a copy of your session cookie.".to_owned(),
            Action::CopyAccess => "The thief has a copy of your access token.".to_owned(),
            Action::CopyRefresh => "The thief has a copy of your refresh token.".to_owned(),
            Action::Wait30s | Action::Wait5m => format!("{} later.", self.passed()),
            Action::WaitBeforeExpiry => format!("{} later: a second before something expires.", self.passed()),
            Action::WaitAfterExpiry => format!("{} later: a second after something has expired.", self.passed()),
            Action::BlacklistForgets => "The blacklist has lost everything.".to_owned(),
            Action::BlacklistSlow => "The blacklist answers late from now on.".to_owned(),
            Action::BlacklistStops => "The blacklist does not answer any more.".to_owned(),
            Action::BlacklistWell => "The blacklist answers as it should.".to_owned(),
            Action::LoseReply => "The reply to your next refresh will get lost on its way.".to_owned(),
            Action::KillServer => "The server is dead.".to_owned(),
            Action::StartServer => "The server runs again, on the same database and with the same keys.".to_owned(),
            Action::SetClockBack => "The wall clock of the server’s machine says an hour less.".to_owned(),
            other => other.to_string(),
        }
    }

    fn passed(&self) -> String {
        let before = self.steps.iter().rev().nth(1).map_or(Duration::ZERO, |step| step.at);
        let now = self.steps.last().map_or(Duration::ZERO, |step| step.at);
        to_the_second(now.saturating_sub(before))
    }

    /// When you logged out for the last time, if the thief's copy is older than that.
    fn logged_out_since_the_theft(&self) -> Option<Duration> {
        let theft = self.steps.iter().rposition(|step| step.action == Action::CopyAccess)?;
        let done = |step: &&Step| {
            step.action == Action::LogOut
                && step
                    .exchanges
                    .iter()
                    .any(|exchange| exchange.outcome == Outcome::Accepted)
        };
        self.steps.get(theft..)?.iter().find(done).map(|logout| logout.at)
    }

    fn meaning(&self, step: &Step, said: &[&Exchange]) -> String {
        // What became of the thief is what the page is about; where they had no part, of you.
        let Some(exchange) = said.last() else {
            return self.meaning_of_deed(step).to_owned();
        };
        let forgot = !step.upkeep.is_empty() && exchange.outcome == Outcome::CannotTell;
        let said = match (exchange.outcome, exchange.who, exchange.request.path) {
            _ if !exchange.arrived && exchange.reply.is_some() => {
                "Your browser still has the old refresh token, which is used up. Within the grace it gets the same successor \
                 once more; after it, asking again looks like a theft."
            }
            (Outcome::NoServer, ..) => {
                "What is in the database, on the blacklist and in the key files is still there; start it and look."
            }
            (Outcome::CannotTell, _, "/logout") => {
                "The logout is written into the database, and the blacklist could not be told. So it is not confirmed, your \
                 cookies stay, and you can press again. It is carried over as soon as the blacklist answers."
            }
            (Outcome::CannotTell, ..) if forgot && step.after.mood != Mood::Stopped => {
                "The blacklist knows that it has lost something, and does not take an empty list for “nothing was revoked”. \
                 Right afterwards it was filled again from the log in the database: ask once more."
            }
            (Outcome::CannotTell, ..) => {
                "The signature is good and the token has not expired, but whether it was taken back nobody can say. To say \
                 yes would let in everybody who ever logged out, so the owner waits outside as well."
            }
            (Outcome::Accepted, _, "/login") => self.meaning_of_login(),
            (Outcome::Accepted, _, "/logout") => self.meaning_of_logout(),
            (Outcome::Accepted, Who::Thief, "/api/refresh") => {
                "Whoever refreshes first has the newest generation. The other one now holds a used token, and will be noticed \
                 when they come with it after the grace."
            }
            (Outcome::Accepted, Who::You, "/api/refresh") => {
                "The row is one generation further. The refresh token before it is good for the grace, and from then on it \
                 gives a thief away."
            }
            (Outcome::Accepted, Who::Thief, _) => return self.meaning_of_a_robbery(),
            (Outcome::Accepted, Who::You, _) if step.exchanges.len() > 1 => {
                "The access token had expired. Your browser exchanged the refresh token and asked again, without telling you."
            }
            (Outcome::Accepted, Who::You, _) => "This is what every page and every call of yours costs.",
            (Outcome::Refused, _, "/api/refresh") => {
                "Who of the two holders of a used refresh token is the thief, the server cannot know. So it ends the session \
                 for both, and the owner logs in again."
            }
            (Outcome::Refused, ..) => self.meaning_of_a_refusal(exchange),
        };
        said.to_owned()
    }

    fn meaning_of_login(&self) -> &'static str {
        match (self.answer, self.check) {
            (Answer::Sessions, _) => {
                "Your browser keeps a random number, and the database a row under it. The number says nothing by itself."
            }
            (_, Check::Session) => {
                "Your browser keeps a signed token, and the database a row that is asked every time."
            }
            (_, Check::Blacklist) => {
                "Your browser keeps a short access token and a refresh token. The blacklist knows nothing of you, and that is \
                 the point: it only ever lists who is out."
            }
            (_, Check::Nothing) if self.has_refresh() => {
                "Your browser keeps a short access token and a refresh token, and the database a row for the latter."
            }
            (_, Check::Nothing) => {
                "Your browser keeps a signed token. The server keeps nothing: it will believe its signature."
            }
        }
    }

    fn meaning_of_logout(&self) -> &'static str {
        match (self.answer, self.check) {
            (Answer::Sessions, _) => "The row is deleted. Whoever still has the number has a number.",
            (_, Check::Session) => "The session’s row is closed, and every copy of the token names that row.",
            (_, Check::Blacklist) => {
                "The session is closed in the database and listed on the blacklist, until the last of its access tokens has \
                 expired; then the entry may go."
            }
            (_, Check::Nothing) if self.has_refresh() => {
                "The session is closed, so nobody can refresh. Access tokens that are out there were told nothing."
            }
            (_, Check::Nothing) => {
                "Your browser has deleted its token. No server was told anything that it would remember, and a copy is not in \
                 your browser."
            }
        }
    }

    fn meaning_of_a_robbery(&self) -> String {
        let Some(since) = self.logged_out_since_the_theft() else {
            return "A copy is as good as the original, for as long as the original is: nobody can tell the two apart."
                .to_owned();
        };
        let now = self.steps.last().map_or(since, |step| step.at);
        let ago = match now.saturating_sub(since) {
            Duration::ZERO => "a moment ago".to_owned(),
            ago => format!("{} ago", to_the_second(ago)),
        };
        format!(
            "You logged out {ago}, and it did not reach the copy. The copy works until it expires by itself, and nothing \
             that the server could do now would change that."
        )
    }

    fn meaning_of_a_refusal(&self, exchange: &Exchange) -> &'static str {
        match (exchange.code().as_deref(), exchange.decided, exchange.who) {
            (Some("token_expired"), ..) => {
                "To know that nobody has to be asked: the time is written in the token, and signed."
            }
            (Some("token_revoked"), Decided::Blacklist, Who::Thief) => {
                "The signature is as good as ever and there is time left; one look into memory made the difference."
            }
            (Some("token_revoked"), _, Who::Thief) => {
                "The signature is as good as ever and there is time left; one look into the database made the difference."
            }
            (Some("not_logged_in"), _, Who::Thief) => {
                "There is nothing to be fooled by: without its row the number is nobody."
            }
            (Some("token_missing" | "not_logged_in"), _, Who::You) => {
                "You are logged out, or never were logged in, in this browser."
            }
            _ => "The check that decided is named beside the verdict.",
        }
    }

    fn has_refresh(&self) -> bool {
        matches!(
            self.answer.preset(),
            Some(rescind_session::Preset::Rotation | rescind_session::Preset::Blacklist)
        )
    }

    fn meaning_of_deed(&self, step: &Step) -> &'static str {
        match step.action {
            Action::CopyAccess | Action::CopyRefresh => {
                "By a script in the page, a log, a borrowed telephone. Copying leaves no trace: you still have yours."
            }
            Action::Wait30s | Action::Wait5m | Action::WaitBeforeExpiry | Action::WaitAfterExpiry => {
                "Time passed for everybody: browser, server, and whatever expires."
            }
            Action::BlacklistForgets => {
                "As after a restart of an empty Redis. Does somebody who logged out get in now? Ask for both, and see."
            }
            Action::BlacklistSlow => {
                "Every call waits for it, and is answered correctly. Ask for both, and look at the time."
            }
            Action::BlacklistStops => {
                "What the server does when it cannot ask is the most important decision here. Ask for both."
            }
            Action::BlacklistWell => "What it missed is carried over from the log in the database.",
            Action::LoseReply => "Nothing has happened yet. Refresh, and see who is told what.",
            Action::KillServer => "Whatever it had only in memory is gone. Ask for both.",
            Action::StartServer => {
                "Before its first answer it holds its clock against the database and carries the revocation log over. Ask for \
                 both."
            }
            Action::SetClockBack => {
                "Would a token that has expired come to life again? The server anchors its clock to the time since boot, and \
                 to what the database has seen. Ask for both."
            }
            _ => "",
        }
    }
}

/// A moment of the sandbox: "t + 5 min 30 s".
pub(crate) fn moment(at: Duration) -> String {
    format!("t + {}", to_the_second(at))
}
