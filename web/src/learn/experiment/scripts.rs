//! What happens in each chapter's story. Nothing here says what comes of it: that is read off the sandbox.

use std::time::Duration;

use rescind_lab::{Action, Answer, Outcome, SandboxError};
use rescind_session::{Policy, Preset};

use super::{
    Finding, Story,
    controls::Choices,
    playing::{Play, Said, asked},
    tampering,
};
use crate::{learn::chapters::Chapter, pages::times::length};

/// Plays a chapter's story.
pub(super) async fn play(chapter: Chapter, choices: &Choices) -> Result<Story, SandboxError> {
    match chapter {
        Chapter::Unissued => unissued(choices).await,
        Chapter::Stored => stored(choices).await,
        Chapter::ClientDelete => client_delete(choices).await,
        Chapter::ShortLived => short_lived(choices).await,
        Chapter::Rotation => rotation(choices).await,
        Chapter::Blacklist => blacklist(choices).await,
        Chapter::Sessions => sessions(choices).await,
        Chapter::Races => races(choices).await,
        Chapter::Amnesia => amnesia(choices).await,
        Chapter::Nodes => nodes(choices).await,
        Chapter::Keys => tampering::play(choices).await,
        Chapter::Xss => xss(choices).await,
    }
}

fn lives(choices: &Choices) -> impl FnOnce(&mut Policy) {
    let life = choices.time("life");
    move |policy| policy.access_ttl = life
}

fn usual(_: &mut Policy) {}

impl Play {
    fn end(self, finding: Finding) -> Story {
        Story {
            finding,
            spans: self.spans(),
            moments: self.moments,
        }
    }

    /// Whether the copy worked after the logout, and for how long.
    fn told_of_the_copy(&self) -> Finding {
        match self.inside_after_logout() {
            Some(time) => Finding {
                said: Said::Accepted,
                words: format!("After your logout the copy works for another {}.", length(time)),
            },
            None => Finding {
                said: Said::Refused,
                words: "After your logout the copy is refused at once.".to_owned(),
            },
        }
    }
}

fn found(said: Said, words: impl Into<String>) -> Finding {
    Finding {
        said,
        words: words.into(),
    }
}

async fn unissued(choices: &Choices) -> Result<Story, SandboxError> {
    let mut play = Play::begin(Answer::Tokens(Preset::ClientDelete), lives(choices)).await?;
    play.press_all(&[Action::LogIn, Action::CopyAccess, Action::Wait30s, Action::LogOut])
        .await;
    play.thief_goes_on().await;
    let finding = play.told_of_the_copy();
    Ok(play.end(finding))
}

async fn stored(choices: &Choices) -> Result<Story, SandboxError> {
    let preset = if choices.is("asked", "row") {
        Preset::Stored
    } else {
        Preset::ClientDelete
    };
    let mut play = Play::begin(Answer::Tokens(preset), lives(choices)).await?;
    play.press_all(&[
        Action::LogIn,
        Action::Call,
        Action::CopyAccess,
        Action::Wait30s,
        Action::Replay,
        Action::LogOut,
    ])
    .await;
    play.thief_goes_on().await;
    let finding = play.told_of_the_copy();
    Ok(play.end(finding))
}

async fn client_delete(choices: &Choices) -> Result<Story, SandboxError> {
    let mut play = Play::begin(Answer::Tokens(Preset::ClientDelete), lives(choices)).await?;
    play.press(Action::LogIn).await;
    play.wait(choices.time("theft")).await;
    play.press(Action::CopyAccess).await;
    play.wait(choices.time("logout")).await;
    play.press(Action::LogOut).await;
    play.thief_goes_on().await;
    let finding = play.told_of_the_copy();
    Ok(play.end(finding))
}

/// A call each five minutes. Whoever is refused logs in again, and does what they came for.
async fn short_lived(choices: &Choices) -> Result<Story, SandboxError> {
    const BETWEEN: Duration = Duration::from_secs(300);
    let mut play = Play::begin(Answer::Tokens(Preset::ShortLived), lives(choices)).await?;
    play.press(Action::LogIn).await;
    let mut again = 0;
    for _ in 0..choices.time("work").as_secs() / BETWEEN.as_secs() {
        play.wait(BETWEEN).await;
        if play.press(Action::Call).await == Some(Outcome::Refused) {
            again += 1;
            play.press_as(Action::LogIn, Some("You have to log in again")).await;
        }
    }
    play.press_all(&[Action::CopyAccess, Action::LogOut]).await;
    play.thief_goes_on().await;
    let left = play.inside_after_logout().unwrap_or_default();
    let times = match again {
        0 => "were not logged out once".to_owned(),
        1 => "had to log in again once".to_owned(),
        n => format!("had to log in again {n} times"),
    };
    let finding = found(
        Said::Accepted,
        format!(
            "You {times}; and after your logout a copy works for another {}.",
            length(left)
        ),
    );
    Ok(play.end(finding))
}

async fn rotation(choices: &Choices) -> Result<Story, SandboxError> {
    let mut play = Play::begin(Answer::Tokens(Preset::Rotation), usual).await?;
    let has_refresh = choices.is("loot", "refresh");
    play.press_all(&[Action::LogIn, Action::CopyAccess]).await;
    if has_refresh {
        play.press(Action::CopyRefresh).await;
    }
    if choices.is("then", "logout") {
        play.press_all(&[Action::Wait30s, Action::LogOut]).await;
        if has_refresh {
            play.press(Action::ThiefRefreshes).await;
        }
        play.thief_goes_on().await;
        let finding = play.told_of_the_copy();
        return Ok(play.end(finding));
    }
    if !has_refresh {
        play.press_all(&[Action::Replay, Action::WaitAfterExpiry, Action::Replay, Action::Call])
            .await;
        let finding = found(
            Said::Refused,
            "The copy is dead when its five minutes are over; your own is renewed, and you notice nothing.",
        );
        return Ok(play.end(finding));
    }
    play.press(Action::ThiefRefreshes).await;
    play.press(Action::Wait30s).await;
    let yours = play.press(Action::Refresh).await;
    let theirs = play.press(Action::ThiefRefreshes).await;
    let finding = match (yours, theirs) {
        (Some(Outcome::Refused), Some(Outcome::Refused)) => found(
            Said::Refused,
            "Your spent token gives the theft away, and the session ends under both of you.",
        ),
        _ => found(Said::Accepted, "The theft is not noticed."),
    };
    Ok(play.end(finding))
}

async fn blacklist(choices: &Choices) -> Result<Story, SandboxError> {
    const MOST_WAITS: usize = 8;
    let asks = choices.is("asked", "blacklist");
    let preset = if asks { Preset::Blacklist } else { Preset::Rotation };
    let mut play = Play::begin(Answer::Tokens(preset), lives(choices)).await?;
    play.press_all(&[
        Action::LogIn,
        Action::CopyAccess,
        Action::Wait30s,
        Action::Refresh,
        Action::LogOut,
    ])
    .await;
    if !asks {
        play.thief_goes_on().await;
        let finding = play.told_of_the_copy();
        return Ok(play.end(finding));
    }
    play.press(Action::Replay).await;
    let out = play.sandbox.now();
    for _ in 0..MOST_WAITS {
        let entries = play.entries().await;
        let at = play.sandbox.now();
        let kept = if entries == 1 { "1 entry" } else { "no entry" };
        play.write(at, format!("On the blacklist: {kept}"));
        if entries == 0 {
            break;
        }
        play.press(Action::Wait5m).await;
    }
    play.press(Action::Replay).await;
    let kept = play.sandbox.now().saturating_sub(out);
    let finding = match play.inside_after_logout() {
        None => found(
            Said::Refused,
            format!(
                "After your logout the copy is refused at once; within {} the entry has gone again.",
                length(kept)
            ),
        ),
        Some(_) => play.told_of_the_copy(),
    };
    Ok(play.end(finding))
}

async fn sessions(choices: &Choices) -> Result<Story, SandboxError> {
    let answer = match choices.of("answer") {
        "stored" => Answer::Tokens(Preset::Stored),
        "blacklist" => Answer::Tokens(Preset::Blacklist),
        _ => Answer::Sessions,
    };
    let mut play = Play::begin(answer, usual).await?;
    play.press_all(&[Action::LogIn, Action::CopyAccess, Action::Call]).await;
    let bytes = play.cookie_bytes();
    let last = play.sandbox.steps().last();
    let reads = last
        .and_then(|step| step.exchanges.last())
        .map(asked)
        .unwrap_or_default();
    play.press_all(&[Action::Wait30s, Action::Replay, Action::LogOut, Action::Replay])
        .await;
    let copy = play.told_of_the_copy();
    let finding = found(
        copy.said,
        format!(
            "{} A request carries {bytes} bytes of cookies and costs {reads}.",
            copy.words
        ),
    );
    Ok(play.end(finding))
}

async fn races(choices: &Choices) -> Result<Story, SandboxError> {
    let grace = choices.time("grace");
    let mut play = Play::begin(Answer::Tokens(Preset::Blacklist), |policy| {
        if let Some(refresh) = policy.refresh.as_mut() {
            refresh.grace = grace;
        }
    })
    .await?;
    play.press(Action::LogIn).await;
    let later = choices.time("later");
    if choices.is("second", "retry") {
        play.press_all(&[Action::LoseReply, Action::Refresh]).await;
        play.wait(later).await;
        play.press_as(Action::Refresh, Some("Your browser tries again, with the token it has"))
            .await;
        let finding = match play.press(Action::Call).await {
            Some(Outcome::Accepted) => found(Said::Accepted, "You stay logged in, and have not noticed anything."),
            _ => found(Said::Refused, "You are logged out: a lost reply was taken for a theft."),
        };
        return Ok(play.end(finding));
    }
    play.press_all(&[Action::CopyRefresh, Action::Refresh]).await;
    play.wait(later).await;
    let first = play.press(Action::ThiefRefreshes).await;
    if first == Some(Outcome::Refused) {
        play.press(Action::Call).await;
        let finding = found(
            Said::Refused,
            "The thief comes too late and is found out. The session ends under both of you.",
        );
        return Ok(play.end(finding));
    }
    // Two hold the same token now. Whoever comes second, after the grace, gives it away.
    play.press(Action::Refresh).await;
    play.wait(grace.max(Duration::from_secs(30))).await;
    let second = play.press(Action::ThiefRefreshes).await;
    play.press(Action::Call).await;
    let finding = match second {
        Some(Outcome::Refused) => found(
            Said::Refused,
            "The thief is answered within the grace, and found out at the next rotation.",
        ),
        _ => found(Said::Accepted, "The thief is not found out."),
    };
    Ok(play.end(finding))
}

async fn amnesia(choices: &Choices) -> Result<Story, SandboxError> {
    let mut play = Play::begin(Answer::Tokens(Preset::Blacklist), usual).await?;
    play.press_all(&[
        Action::LogIn,
        Action::CopyAccess,
        Action::Replay,
        Action::LogOut,
        Action::Replay,
    ])
    .await;
    let fault: &[Action] = match choices.of("fault") {
        "stops" => &[
            Action::BlacklistStops,
            Action::Replay,
            Action::BlacklistWell,
            Action::Replay,
        ],
        "slow" => &[Action::BlacklistSlow, Action::Replay],
        "restart" => &[
            Action::KillServer,
            Action::Replay,
            Action::BlacklistForgets,
            Action::StartServer,
            Action::Replay,
        ],
        _ => &[Action::BlacklistForgets, Action::Replay],
    };
    play.press_all(fault).await;
    play.wait(Duration::from_secs(30)).await;
    play.press_as(Action::Replay, Some("The thief tries again")).await;
    let finding = match play.inside_after_logout() {
        None => found(
            Said::Refused,
            "From your logout on the copy is never let in, whatever the blacklist has forgotten.",
        ),
        Some(_) => play.told_of_the_copy(),
    };
    Ok(play.end(finding))
}

async fn nodes(choices: &Choices) -> Result<Story, SandboxError> {
    let (stopped, killed) = (choices.is("blacklist", "stopped"), choices.is("server", "killed"));
    let mut play = Play::begin(Answer::Tokens(Preset::Blacklist), usual).await?;
    play.press_all(&[Action::LogIn, Action::CopyAccess, Action::Replay])
        .await;
    if stopped {
        play.press(Action::BlacklistStops).await;
    }
    play.press(Action::LogOut).await;
    if killed {
        play.press(Action::KillServer).await;
    }
    if stopped {
        play.press(Action::BlacklistWell).await;
    }
    if killed {
        play.press(Action::StartServer).await;
    }
    play.press(Action::Replay).await;
    let finding = match (play.inside_after_logout(), stopped) {
        (None, true) => found(
            Said::Refused,
            "The logout was written and not told to the blacklist. Whoever runs next carries it over.",
        ),
        (None, false) => found(
            Said::Refused,
            "The logout is in both stores when it is answered, so the next server refuses the copy too.",
        ),
        (Some(_), _) => play.told_of_the_copy(),
    };
    Ok(play.end(finding))
}

async fn xss(choices: &Choices) -> Result<Story, SandboxError> {
    let preset = if choices.is("asked", "blacklist") {
        Preset::Blacklist
    } else {
        Preset::Rotation
    };
    let mut play = Play::begin(Answer::Tokens(preset), usual).await?;
    play.press(Action::LogIn).await;
    if choices.is("kept", "storage") {
        play.press_as(
            Action::CopyAccess,
            Some("A script in your page reads the token and sends it away"),
        )
        .await;
        play.press_all(&[Action::Wait30s, Action::LogOut]).await;
        play.thief_goes_on().await;
        let finding = play.told_of_the_copy();
        return Ok(play.end(finding));
    }
    let from_the_page = Some("A script in your page calls the API; the browser adds the cookie");
    let inside = play.press_as(Action::Call, from_the_page).await;
    play.press(Action::LogOut).await;
    let after = play.press_as(Action::Call, Some("The script tries again")).await;
    let finding = match (inside, after) {
        (Some(Outcome::Accepted), Some(Outcome::Refused)) => found(
            Said::Refused,
            "The script acts as you while you are logged in. It takes nothing away, and your logout ends it.",
        ),
        _ => found(Said::Accepted, "The script still acts as you."),
    };
    Ok(play.end(finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::experiment::{Spans, controls};

    /// Every way in which a chapter's controls can be set.
    fn all_choices(chapter: Chapter) -> Vec<String> {
        let mut queries = vec![String::new()];
        for control in controls::of(chapter) {
            let with = |query: &String| {
                let query = query.clone();
                control
                    .options
                    .iter()
                    .map(move |(value, _)| format!("{query}{}={value}&", control.name))
            };
            queries = queries.iter().flat_map(with).collect();
        }
        queries
    }

    async fn played(chapter: Chapter, query: &str) -> (Choices, Story) {
        let choices = Choices::read(controls::of(chapter), query);
        let story = play(chapter, &choices).await.unwrap();
        (choices, story)
    }

    /// What is to come of each story, told from the definitions and not from the sandbox.
    fn expected(chapter: Chapter, choices: &Choices) -> Said {
        let works = match chapter {
            Chapter::Unissued | Chapter::ClientDelete | Chapter::ShortLived => true,
            Chapter::Stored | Chapter::Blacklist => choices.is("asked", "nothing"),
            Chapter::Rotation => choices.is("then", "logout"),
            Chapter::Sessions | Chapter::Amnesia | Chapter::Nodes => false,
            Chapter::Races => choices.is("second", "retry") && choices.time("later") < choices.time("grace"),
            Chapter::Keys => choices.is("change", "nothing"),
            Chapter::Xss => choices.is("kept", "storage") && choices.is("asked", "nothing"),
        };
        if works { Said::Accepted } else { Said::Refused }
    }

    #[actix_web::test]
    async fn every_story_ends_as_the_chapter_says_however_it_is_set() {
        let mut stories = 0;
        for chapter in Chapter::ALL {
            for query in all_choices(chapter) {
                let (choices, story) = played(chapter, &query).await;
                let words = &story.finding.words;
                assert_eq!(
                    story.finding.said,
                    expected(chapter, &choices),
                    "{chapter:?} {query}: {words}"
                );
                assert!(story.moments.len() > 3, "{chapter:?} {query}");
                stories += 1;
            }
        }
        assert!(stories > 70, "{stories}");
    }

    #[actix_web::test]
    async fn the_window_after_a_logout_is_what_is_left_of_the_tokens_life() {
        for life in ["15m", "1h", "12h"] {
            for (theft, logout) in [("0s", "30s"), ("30s", "5m"), ("5m", "9m")] {
                let query = format!("life={life}&theft={theft}&logout={logout}");
                let (choices, story) = played(Chapter::ClientDelete, &query).await;
                let left = choices.time("life") - choices.time("theft") - choices.time("logout");
                let told = format!("for another {}.", length(left));
                assert!(story.finding.words.ends_with(&told), "{query}: {}", story.finding.words);
            }
        }
    }

    #[actix_web::test]
    async fn whoever_works_twenty_minutes_logs_in_again_as_often_as_the_lifetime_says() {
        for (life, times) in [
            ("1m", "4 times"),
            ("5m", "4 times"),
            ("15m", "again once"),
            ("1h", "not logged out once"),
        ] {
            let (_, story) = played(Chapter::ShortLived, &format!("life={life}&work=20m")).await;
            assert!(story.finding.words.contains(times), "{life}: {}", story.finding.words);
        }
    }

    #[actix_web::test]
    async fn a_changed_token_is_refused_at_the_check_that_the_change_breaks() {
        for (change, refused) in [
            ("sub", "Has that key signed it?"),
            ("exp", "Has that key signed it?"),
            ("none", "Is its algorithm that key’s?"),
            ("kid", "Does it name a key of ours?"),
        ] {
            let (_, story) = played(Chapter::Keys, &format!("change={change}")).await;
            let stopped = story.moments.iter().find(|moment| moment.said == Some(Said::Refused));
            assert_eq!(stopped.unwrap().words, refused, "{change}");
        }
    }

    /// A blacklist that fails may cost an answer, and never lets anybody in.
    #[actix_web::test]
    async fn whatever_becomes_of_the_blacklist_no_copy_is_accepted_after_the_logout() {
        for chapter in [Chapter::Amnesia, Chapter::Nodes] {
            for query in all_choices(chapter) {
                let (_, story) = played(chapter, &query).await;
                let mut moments = story.moments.iter();
                assert!(moments.any(|moment| moment.words == "You log out"), "{query}");
                let let_in = moments.find(|moment| moment.said == Some(Said::Accepted));
                assert_eq!(let_in, None, "{chapter:?} {query}");
            }
        }
    }

    #[actix_web::test]
    async fn what_is_drawn_of_a_story_stays_within_the_picture() {
        let mut drawn = 0;
        for chapter in Chapter::ALL {
            for query in all_choices(chapter) {
                let (_, story) = played(chapter, &query).await;
                let Some(spans) = story.spans else { continue };
                assert!(
                    spans.theft_at() + spans.before_width() <= Spans::WIDTH,
                    "{chapter:?} {query}"
                );
                assert!(
                    spans.logout_at() + spans.after_width() <= Spans::WIDTH,
                    "{chapter:?} {query}"
                );
                let works_on = story.finding.said == Said::Accepted;
                assert_eq!(spans.after_width() > 0, works_on, "{chapter:?} {query}");
                assert_eq!(spans.after().is_some(), works_on, "{chapter:?} {query}");
                drawn += 1;
            }
        }
        assert!(drawn > 40, "{drawn}");
    }

    #[actix_web::test]
    async fn no_story_shows_a_token() {
        for chapter in Chapter::ALL {
            for query in all_choices(chapter) {
                let (_, story) = played(chapter, &query).await;
                for moment in story.moments {
                    let told = format!("{} {}", moment.words, moment.answer.unwrap_or_default());
                    assert!(!told.contains("eyJ") && !told.contains("rrt_"), "{chapter:?} {query}");
                }
            }
        }
    }
}
