//! Builds answers: status, type and body, with the headers that every answer has.

use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::event_stream::EventStream;

/// The body of an answer.
pub(super) type Content = Either<Full<Bytes>, EventStream>;
/// The type of every answer.
pub(super) type Answer = Response<Content>;

/// Seconds after which a client may send a request again that was refused because a limit was reached.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Policy for answers that are not pages: a browser loads nothing for them, and no page may embed them.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Plain text.
pub(super) fn text(status: StatusCode, body: &'static str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body)
}

/// A JSON document.
pub(super) fn json(status: StatusCode, document: &Value) -> Answer {
    with_type(status, "application/json", document.to_string())
}

/// `{"error": reason}`, with the header that belongs to the status.
pub(super) fn error(status: StatusCode, reason: impl std::fmt::Display) -> Answer {
    let mut answer = json(status, &json!({ "error": reason.to_string() }));
    match status {
        StatusCode::UNAUTHORIZED => _ = answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            answer.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
        }
        // The rest of the request's body is not read, so the connection cannot be used for another request.
        StatusCode::REQUEST_TIMEOUT | StatusCode::LENGTH_REQUIRED | StatusCode::PAYLOAD_TOO_LARGE => {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    answer
}

/// 405, with the methods that are allowed.
pub(super) fn allowing(mut refused: Answer, methods: &'static str) -> Answer {
    *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    refused
}

/// Any body with its content type.
pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    answered(status, content_type, Either::Left(Full::new(body.into())))
}

/// A body that is streamed.
pub(super) fn streaming(content_type: &'static str, events: EventStream) -> Answer {
    answered(StatusCode::OK, content_type, Either::Right(events))
}

fn answered(status: StatusCode, content_type: &'static str, body: Content) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(CONTENT_SECURITY_POLICY, NOTHING);
    answer
}
