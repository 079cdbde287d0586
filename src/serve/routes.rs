//! Routes each request to the code that answers it.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HOST, TRANSFER_ENCODING};
use hyper::{Method, Request, StatusCode};
use tokio::task::spawn_blocking;

use super::address::{AddressError, PREFIX, Parameters, Resource};
use super::answer::{Answer, allowing, error, text, with_type};
use super::api::{self, MatrixQuestion};
use super::body::forget;
use super::token::carries;
use super::{Site, comparison, events, origin, page, surprisal, targets};

/// The label under which requests for a path are counted.
pub(super) fn route(path: &str) -> &'static str {
    if let Some(path) = path.strip_prefix(PREFIX) {
        return Resource::read(path).map_or("other", |resource| resource.route());
    }
    match path {
        "/" => "/",
        "/metrics" => "/metrics",
        "/-/healthy" => "/-/healthy",
        "/-/ready" => "/-/ready",
        "/-/reload" => "/-/reload",
        path if page::has(path) => "/assets",
        _ => "other",
    }
}

/// Answers a request.
pub(super) async fn answer(site: &Arc<Site>, mut request: Request<Incoming>) -> Answer {
    if !named(&request).is_some_and(|host| site.hosts.allows(host)) {
        forget(&mut request).await;
        return text(
            StatusCode::FORBIDDEN,
            "this Host is not allowed: use an IP address or localhost, or add the name to web.hosts\n",
        );
    }
    if origin::is_foreign(&request) {
        forget(&mut request).await;
        return text(
            StatusCode::FORBIDDEN,
            "requests from pages of another origin are refused: open the daemon's own page; a proxy must pass the Host header on\n",
        );
    }
    if request.headers().contains_key(TRANSFER_ENCODING) {
        // The length is ambiguous or not known in advance, so programs could disagree on where such a request ends.
        forget(&mut request).await;
        return error(StatusCode::LENGTH_REQUIRED, "Transfer-Encoding is not supported; send the body with a Content-Length");
    }
    if let Some(path) = request.uri().path().strip_prefix(PREFIX) {
        let resource = Resource::read(path);
        return of_api(site, resource, request).await;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/metrics" if reads => site.scrapes.answer(&site.metrics, request.headers()).await,
        path if reads && page::has(path) => page::answer(path),
        "/-/healthy" if reads => text(StatusCode::OK, "healthy\n"),
        "/-/ready" if reads => ready(site),
        "/-/reload" if *request.method() == Method::POST => reload(site, &request),
        path if page::has(path) => only("GET, HEAD"),
        "/metrics" | "/-/healthy" | "/-/ready" => only("GET, HEAD"),
        "/-/reload" => only("POST"),
        _ => text(StatusCode::NOT_FOUND, "not found; try /, /metrics, /-/healthy, /-/ready or /api/v1/runs\n"),
    }
}

/// Returns the `Host` header. Returns `None` if there are two, since another program could use the other one.
fn named(request: &Request<Incoming>) -> Option<&str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    hosts.next().filter(|_| hosts.next().is_none()).and_then(|host| host.to_str().ok())
}

async fn of_api(site: &Arc<Site>, resource: Result<Resource, AddressError>, mut request: Request<Incoming>) -> Answer {
    let resource = match resource {
        Ok(resource) => resource,
        Err(fault) => {
            forget(&mut request).await;
            let unknown = matches!(fault, AddressError::NoRoute);
            return error(if unknown { StatusCode::NOT_FOUND } else { StatusCode::UNPROCESSABLE_ENTITY }, fault);
        }
    };
    let methods = resource.methods();
    if !methods.split(", ").any(|method| method == request.method().as_str()) {
        forget(&mut request).await;
        return allowing(error(StatusCode::METHOD_NOT_ALLOWED, "this route does not support this method"), methods);
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return read(site, &resource, &request).await;
    }
    let Some(ingest) = &site.ingest else {
        forget(&mut request).await;
        return error(
            StatusCode::FORBIDDEN,
            "this process has no state folder, so it has no token and accepts no requests that change something: use `rotewatch serve`",
        );
    };
    ingest.answer(&site.live_runs, &site.events, resource, request).await
}

async fn read(site: &Arc<Site>, resource: &Resource, request: &Request<Incoming>) -> Answer {
    let query = match Parameters::read(request.uri().query()) {
        Ok(query) => query,
        Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
    };
    let (live_runs, archive) = (&*site.live_runs, site.history.as_ref());
    if let Resource::Matrix(run, layer) = resource {
        let question = match MatrixQuestion::read(query) {
            Ok(question) => question,
            Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
        };
        let Some(report) = question.report(live_runs, run) else { return question.ask(live_runs, archive, run, layer).await };
        let layer = layer.clone();
        let answered = spawn_blocking(move || question.answer(&report, &layer)).await;
        return answered
            .unwrap_or_else(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "cannot compute the matrix; see the daemon's log"));
    }
    match resource {
        Resource::Epochs(run) => return api::epochs(live_runs, archive, run, query).await,
        Resource::Comparison => return comparison::answer(live_runs, archive, query).await,
        Resource::Surprisal(run) => return surprisal::answer(live_runs, archive, run, query).await,
        _ => {}
    }
    if let Err(fault) = query.end() {
        return error(StatusCode::UNPROCESSABLE_ENTITY, fault);
    }
    if let Resource::Targets = resource {
        let (site, host) = (Arc::clone(site), named(request).unwrap_or_default().to_owned());
        let answering = spawn_blocking(move || targets::answer(&site, &host));
        let failed = |_| error(StatusCode::INTERNAL_SERVER_ERROR, "cannot list the targets; see the daemon's log");
        return answering.await.unwrap_or_else(failed);
    }
    match resource {
        Resource::Events => events::answer(&site.events, request.headers()),
        Resource::Runs => api::runs(live_runs, archive).await,
        Resource::Run(run) => api::run(live_runs, archive, run).await,
        Resource::Verdict(run) => api::verdict(live_runs, archive, run).await,
        _ => error(StatusCode::NOT_FOUND, AddressError::NoRoute),
    }
}

fn ready(site: &Site) -> Answer {
    // Checked first: a monitor that has ended because the process stops has not failed.
    if !site.ready.is_ready() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or stopping\n");
    }
    if site.live_runs.is_failing() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready: the monitor has ended or fails repeatedly\n");
    }
    text(StatusCode::OK, "ready\n")
}

fn reload(site: &Site, request: &Request<Incoming>) -> Answer {
    let Some((reload, token)) = &site.reload else {
        return text(
            StatusCode::FORBIDDEN,
            "reloading over HTTP is off: set web.allow_reload, send SIGHUP, or save the file (it is watched)\n",
        );
    };
    if !carries(request, token) {
        let says = "the token is missing or wrong; send `Authorization: Bearer TOKEN` with the token from the file `token` in the state folder";
        return error(StatusCode::UNAUTHORIZED, says);
    }
    match reload() {
        Ok(()) => text(StatusCode::OK, "reloaded\n"),
        Err(reason) => with_type(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            format!("the configuration was not reloaded, and the old one stays in use: {reason}\n"),
        ),
    }
}

fn only(methods: &'static str) -> Answer {
    allowing(text(StatusCode::METHOD_NOT_ALLOWED, "this route does not support this method\n"), methods)
}
