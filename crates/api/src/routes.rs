//! Which calls an application has, and at which paths.

use actix_web::{
    FromRequest, Handler, HttpResponse, Resource, Responder,
    guard::{self, GuardContext},
    http::Method,
    web::{self, ServiceConfig},
};

#[cfg(feature = "openapi")]
use crate::openapi;
use crate::{
    browser,
    guard::Guard,
    handlers,
    jwks::jwks,
    oauth::{self, OAuthError, paths},
    problem::Problem,
    rescind::Rescind,
    settings::Settings,
};

/// A part of [`Routes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// `POST /login`
    LogIn,
    /// `POST /refresh`
    Refresh,
    /// `POST /logout`
    LogOut,
    /// `POST /logout-everywhere`
    LogOutEverywhere,
    /// `POST /reauthenticate`
    Reauthenticate,
    /// `GET /me`
    Me,
    /// `GET /sessions` and `DELETE /sessions/{id}`
    Sessions,
    /// `POST /users`. Off, unless it is added: a service with users of its own has a sign-up of its own.
    SignUp,
    /// `GET /health/live` and `GET /health/ready`, outside of the prefix. Off, unless it is added.
    Health,
    /// `GET /.well-known/jwks.json`, outside of the prefix: the [public keys](crate::jwks). Off, unless it is added.
    Jwks,
    /// `GET /auth/check`, at the path of the [`Settings`](crate::Settings::forward_auth_path), outside of the prefix:
    /// [forward authentication](crate::handlers::forward_auth) for proxies. Off, unless it is added.
    ForwardAuth,
    /// `GET /.well-known/oauth-authorization-server`, `POST /oauth/token`, `POST /oauth/revoke` and `POST /oauth/introspect`,
    /// outside of the prefix: the [OAuth endpoints](crate::oauth). All methods of these paths are ours. Off, unless it is
    /// added.
    OAuth,
    /// `GET /oauth/status/{n}`, outside of the prefix: the [status lists](crate::handlers::status_list). Off, unless it is added.
    StatusList,
    /// `POST /logout`, `GET /refresh` and `POST /refresh` for [browsers](crate::browser), at the paths of the
    /// [`Settings`](crate::Settings), outside of the prefix. Off, unless it is added.
    Browser,
    /// `GET /openapi.json`: the OpenAPI document of the mounted calls. Off, unless it is added.
    #[cfg(feature = "openapi")]
    OpenApi,
}

/// A call at a path.
struct Call {
    /// Its name in the OpenAPI document.
    #[cfg_attr(not(feature = "openapi"), expect(dead_code, reason = "only the document needs it"))]
    name: &'static str,
    /// None for all of them.
    methods: &'static [Method],
    #[cfg_attr(not(feature = "openapi"), expect(dead_code, reason = "only the document needs it"))]
    path: String,
    resource: Resource,
    /// Whether it also answers all other methods, with an error.
    is_alone: bool,
}

const READ: &[Method] = &[Method::GET, Method::HEAD];
const POST: &[Method] = &[Method::POST];
const ANY: &[Method] = &[];

fn call<F, Args>(name: &'static str, methods: &'static [Method], path: String, handler: &F) -> Call
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let route = |method: &Method| web::method(method.clone()).to(handler.clone());
    let resource = web::resource(path.clone());
    let resource = match methods {
        [] => resource.to(handler.clone()),
        methods => methods.iter().map(route).fold(resource, Resource::route),
    };
    Call {
        name,
        methods,
        path,
        resource,
        is_alone: methods.is_empty(),
    }
}

/// The same, and it answers other methods with an error in the form of these endpoints.
fn oauth_call<F, Args>(name: &'static str, methods: &'static [Method], path: &str, handler: &F) -> Call
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let mut call = call(name, methods, path.to_owned(), handler);
    let others = web::to(move || async move { Err::<HttpResponse, _>(OAuthError::method_not_allowed(methods)) });
    call.resource = call.resource.default_service(others);
    call.is_alone = true;
    call
}

impl Part {
    const USUAL: [Self; 7] = [
        Self::LogIn,
        Self::Refresh,
        Self::LogOut,
        Self::LogOutEverywhere,
        Self::Reauthenticate,
        Self::Me,
        Self::Sessions,
    ];

    fn calls(self, prefix: &str, settings: &Settings) -> Vec<Call> {
        let at = |path: &str| format!("{prefix}{path}");
        match self {
            Self::LogIn => vec![call("log_in", POST, at("/login"), &handlers::log_in)],
            Self::Refresh => vec![call("refresh", POST, at("/refresh"), &handlers::refresh)],
            Self::LogOut => vec![call("log_out", POST, at("/logout"), &handlers::log_out)],
            Self::LogOutEverywhere => vec![call(
                "log_out_everywhere",
                POST,
                at("/logout-everywhere"),
                &handlers::log_out_everywhere,
            )],
            Self::Reauthenticate => vec![call(
                "reauthenticate",
                POST,
                at("/reauthenticate"),
                &handlers::reauthenticate,
            )],
            Self::Me => vec![call("me", READ, at("/me"), &handlers::me)],
            Self::Sessions => vec![
                call("sessions", READ, at("/sessions"), &handlers::sessions),
                call(
                    "end_session",
                    &[Method::DELETE],
                    at("/sessions/{id}"),
                    &handlers::end_session,
                ),
            ],
            Self::SignUp => vec![call("sign_up", POST, at("/users"), &handlers::sign_up)],
            Self::Health => vec![
                call("live", READ, "/health/live".to_owned(), &handlers::live),
                call("ready", READ, "/health/ready".to_owned(), &handlers::ready),
            ],
            Self::Jwks => vec![call("jwks", READ, "/.well-known/jwks.json".to_owned(), &jwks)],
            Self::ForwardAuth => {
                let path = &settings.forward_auth_path;
                let mut calls = vec![call("forward_auth", READ, path.clone(), &handlers::forward_auth)];
                if settings.forward_auth_same_method {
                    let below = format!("{path}/{{original:.*}}");
                    calls.push(call(
                        "forward_auth_same_method",
                        ANY,
                        below,
                        &handlers::forward_auth_same_method,
                    ));
                }
                calls
            }
            Self::OAuth => vec![
                oauth_call("oauth_metadata", READ, paths::METADATA, &oauth::metadata),
                oauth_call("oauth_token", POST, paths::TOKEN, &oauth::token),
                oauth_call("oauth_revoke", POST, paths::REVOKE, &oauth::revoke),
                oauth_call("oauth_introspect", POST, paths::INTROSPECT, &oauth::introspect),
            ],
            Self::StatusList => vec![call(
                "status_list",
                READ,
                "/oauth/status/{n}".to_owned(),
                &handlers::status_list,
            )],
            Self::Browser => vec![
                call(
                    "browser_log_out",
                    POST,
                    settings.logout_path.clone(),
                    &browser::log_out_by_form,
                ),
                call(
                    "browser_refresh",
                    &[Method::GET, Method::POST],
                    settings.refresh_path.clone(),
                    &browser::refresh,
                ),
            ],
            // It needs the others: see `Routes::calls`.
            #[cfg(feature = "openapi")]
            Self::OpenApi => Vec::new(),
        }
    }
}

/// The calls that an application gets from this crate. [`Rescind::mount`] adds them.
///
/// Each call answers its own methods at its own path, and nothing else: other methods and other paths under the prefix
/// are the application's.
///
/// ```
/// # use rescind_api::{Part, Routes};
/// let own = Routes::at("/auth").without(Part::Sessions).with(Part::Health);
/// ```
///
/// The [`handlers`] can also be mounted one by one, at any path.
#[derive(Debug, Clone)]
pub struct Routes {
    prefix: String,
    parts: Vec<Part>,
    whole_prefix: bool,
}

impl Default for Routes {
    /// [`Routes::at`] `/api`.
    fn default() -> Self {
        Self::at("/api")
    }
}

impl Routes {
    /// Login, refresh, logout, logout everywhere, reauthentication, the current user, and their sessions, under this prefix: `/auth`
    /// makes `/auth/login` and so on.
    pub fn at(prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        Self {
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
            parts: Part::USUAL.to_vec(),
            whole_prefix: false,
        }
    }

    /// Adds a part.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Leaves a part out.
    #[must_use]
    pub fn without(mut self, part: Part) -> Self {
        self.parts.retain(|kept| *kept != part);
        self
    }

    /// Claims the prefix: an unknown path under it is answered 404, and another method of a known one 405, both with a
    /// problem document. Routes of the application under the prefix must then be registered before.
    #[must_use]
    pub fn whole_prefix(mut self) -> Self {
        self.whole_prefix = true;
        self
    }

    fn calls(&self, settings: &Settings) -> Vec<Call> {
        let calls: Vec<_> = self
            .parts
            .iter()
            .flat_map(|part| part.calls(&self.prefix, settings))
            .collect();
        #[cfg(feature = "openapi")]
        if self.parts.contains(&Part::OpenApi) {
            let (name, path) = ("openapi", format!("{}/openapi.json", self.prefix));
            let mounted = calls.iter().map(|call| (call.name, call.methods, call.path.as_str()));
            let document = openapi::document(settings, mounted.chain([(name, READ, path.as_str())]));
            let handler = move || std::future::ready(openapi::reply(document.clone()));
            let own = call(name, READ, path, &handler);
            return calls.into_iter().chain([own]).collect();
        }
        calls
    }

    fn configure(&self, rescind: &Rescind, cfg: &mut ServiceConfig) {
        let settings = rescind.settings();
        if self.parts.contains(&Part::OAuth) {
            rescind.has_oauth();
        }
        for call in self.calls(settings) {
            cfg.service(if self.whole_prefix || call.is_alone {
                call.resource
            } else {
                let is_ours = |request: &GuardContext<'_>| call.methods.contains(&request.head().method);
                call.resource.guard(guard::fn_guard(is_ours))
            });
        }
        if self.whole_prefix {
            cfg.service(web::scope(&self.prefix).default_service(web::to(nothing_here)));
        }
    }
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::NotFound)
}

impl Rescind {
    /// Adds calls to an application, and what the extractors need: `App::configure(rescind.mount(Routes::at("/auth")))`.
    ///
    /// An application without our calls needs only `App::app_data(rescind.clone())` for the extractors.
    pub fn mount(&self, routes: Routes) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let rescind = self.clone();
        move |cfg| {
            routes.configure(&rescind, cfg);
            cfg.app_data(web::Data::new(rescind));
        }
    }

    /// The middleware to wrap an application in, outermost: it gives each request an id and a line in the log, refuses
    /// writes of other origins, and puts the security headers on every reply. Without it the cookies are not safe.
    pub fn guard(&self) -> Guard {
        Guard::new(self.clone())
    }
}
