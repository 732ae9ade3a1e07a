//! Static files, part of the binary.
//!
//! A file's address contains a hash of its contents. So browsers may keep it for a year, and a new version has a new address.
//! The hash is no secret and no proof; it only has to change with the file.
//!
//! To keep the number of requests low, there is one stylesheet and one script, and a second stylesheet for the pages that
//! teach. Each is joined from readable source files. Rejected: a bundler, which would only remove the lines that begin with
//! `import`.
//!
//! One font for all machines, of the Latin letters; other letters come from the system. The stylesheet names its address.
//!
//! Texts are compressed, pages are not: a page holds secrets beside text that a stranger may have written, and its compressed
//! length reveals both (the BREACH attack).

use std::hash::{DefaultHasher, Hash, Hasher};

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::{
        StatusCode,
        header::{CacheControl, CacheDirective, ETag, EntityTag, Header, IfNoneMatch},
    },
    middleware::Compress,
    web,
};
use rescind_api::Problem;

const FOLDER: &str = "/static/";
const A_YEAR: u32 = 365 * 24 * 60 * 60;

/// The modules of the script, each after those that it imports.
const MODULES: [&str; 13] = [
    include_str!("../../static/js/server_clock.js"),
    include_str!("../../static/js/session.js"),
    include_str!("../../static/js/renewal.js"),
    include_str!("../../static/js/renewing_fetch.js"),
    include_str!("../../static/js/countdown.js"),
    include_str!("../../static/js/become.js"),
    include_str!("../../static/js/in_place.js"),
    include_str!("../../static/js/live_log.js"),
    include_str!("../../static/js/stepping.js"),
    include_str!("../../static/js/when_back.js"),
    include_str!("../../static/js/copy.js"),
    include_str!("../../static/js/dismiss.js"),
    include_str!("../../static/js/page.js"),
];

pub(crate) struct Asset {
    pub(crate) path: String,
    tag: EntityTag,
    media_type: &'static str,
    contents: web::Bytes,
}

impl Asset {
    fn new(stem: &str, extension: &str, media_type: &'static str, contents: impl Into<web::Bytes>) -> Self {
        let contents = contents.into();
        let mut hasher = DefaultHasher::new();
        contents.hash(&mut hasher);
        let hash = format!("{:016x}", hasher.finish());
        Self {
            path: format!("{FOLDER}{stem}.{hash}.{extension}"),
            // Weak, because the compressed and the plain file differ in bytes.
            tag: EntityTag::new_weak(hash),
            media_type,
            contents,
        }
    }
}

pub(crate) struct Assets {
    pub(crate) stylesheet: Asset,
    /// The second stylesheet, of the pages that teach.
    pub(crate) lessons: Asset,
    pub(crate) script: Asset,
    pub(crate) icon: Asset,
    /// For previews of links: the stage. `just screenshots` takes it.
    pub(crate) picture: Asset,
    /// Inter, with its weights on one axis. Its licence is beside it.
    font: Asset,
}

impl Assets {
    pub(crate) fn embedded() -> Self {
        let inter: &[u8] = include_bytes!("../../static/fonts/inter.woff2");
        let font = Asset::new("inter", "woff2", "font/woff2", inter);
        let picture: &[u8] = include_bytes!("../../static/stage.png");
        let style = concat!(
            include_str!("../../static/rescind.css"),
            include_str!("../../static/stage.css")
        );
        let style = style.replace("fonts/inter.woff2", &font.path);
        Self {
            stylesheet: Asset::new("rescind", "css", "text/css; charset=utf-8", style),
            font,
            picture: Asset::new("stage", "png", "image/png", picture),
            lessons: Asset::new(
                "lessons",
                "css",
                "text/css; charset=utf-8",
                concat!(
                    include_str!("../../static/lab_compare.css"),
                    include_str!("../../static/lab_answer.css"),
                    include_str!("../../static/lab_race.css"),
                    include_str!("../../static/inspector.css"),
                    include_str!("../../static/learn.css"),
                    include_str!("../../static/learn_exercise.css")
                ),
            ),
            script: Asset::new("rescind", "js", "text/javascript; charset=utf-8", one_module(&MODULES)),
            icon: Asset::new("icon", "svg", "image/svg+xml", include_str!("../../static/icon.svg")),
        }
    }

    fn find(&self, path: &str) -> Option<&Asset> {
        let styles = [&self.stylesheet, &self.lessons, &self.font];
        let mut all = styles.into_iter().chain([&self.script, &self.icon, &self.picture]);
        all.find(|asset| asset.path == path)
    }
}

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    // A font is compressed already.
    cfg.service(web::resource("/static/{name}.woff2").route(super::read().to(serve)));
    cfg.service(
        web::resource("/static/{name}")
            .wrap(Compress::default())
            .route(super::read().to(serve)),
    );
}

async fn serve(request: HttpRequest, site: web::Data<super::Site>) -> Result<impl Responder, Problem> {
    let asset = site.assets.find(request.path()).ok_or(Problem::NotFound)?;
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&asset.tag)),
        Err(_) => false,
    };
    let mut reply = HttpResponse::Ok();
    let keep = vec![
        CacheDirective::Public,
        CacheDirective::MaxAge(A_YEAR),
        CacheDirective::Extension("immutable".into(), None),
    ];
    reply
        .insert_header(ETag(asset.tag.clone()))
        .insert_header(CacheControl(keep));
    Ok(if known {
        reply.status(StatusCode::NOT_MODIFIED).finish()
    } else {
        reply.content_type(asset.media_type).body(asset.contents.clone())
    })
}

/// Joins modules without their imports and comments: an `import` is a line of its own, and names are the same everywhere. Exports stay.
fn one_module(modules: &[&str]) -> String {
    modules
        .iter()
        .flat_map(|module| module.split_inclusive('\n'))
        .filter(|line| !line.starts_with("import ") && !is_comment(line.trim()))
        .collect()
}

/// The repository has them, and each page would carry them.
fn is_comment(line: &str) -> bool {
    line.starts_with("//") || line.starts_with("/**") && line.ends_with("*/")
}
