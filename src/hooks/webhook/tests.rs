use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};

use crossbeam_channel::{Receiver, bounded};

use super::super::notice::tests::notice;
use super::*;
use rotewatch_core::vocabulary::clock::Stopwatch;
use rotewatch_core::vocabulary::identity::Attempt;

const LONG: Duration = Duration::from_mins(1);

/// A receiver that answers one connection after the other with `answer`. The channel returns the requests.
fn receiver(answer: impl Fn(usize, &mut TcpStream) + Send + 'static) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = bounded(100);
    std::thread::spawn(move || {
        for (place, connection) in listener.incoming().enumerate() {
            let mut connection = connection.unwrap();
            if tell.send(request(&mut connection)).is_err() {
                return;
            }
            answer(place, &mut connection);
        }
    });
    (address, told)
}

/// Reads one request with its body.
fn request(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0; 1];
    let complete = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        (body.len() >= length?).then_some(())
    };
    while complete(&text).is_none() && connection.read(&mut byte).is_ok_and(|read| read > 0) {
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

fn says(text: &'static str) -> impl Fn(usize, &mut TcpStream) + Send + 'static {
    move |_, connection| drop(connection.write_all(text.as_bytes()))
}

fn webhook(url: &str) -> WebhookHook {
    let url = url.parse().unwrap();
    let params = WebhookParams { url, timeout_seconds: 60, retries: 3, token_file: None, allow_link_local: false };
    WebhookHook::new("chat".parse().unwrap(), vec![Kind::ExampleLevel], params)
}

fn fired(hook: &WebhookHook) -> (HookResult, String, bool) {
    let attempted = hook.fire(&notice(Attempt::draw(), Kind::ExampleLevel, 3), &Closing::default());
    (attempted.result, attempted.detail, attempted.again)
}

#[test]
fn a_post_carries_the_body_and_says_what_it_is() {
    let (address, told) = receiver(says("HTTP/1.1 204 No Content\r\n\r\n"));
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, " s3cret\n").unwrap();
    let mut hook = webhook(&format!("http://{address}/hooks/a?b=c"));
    hook.params.token_file = Some(token_file);
    let notice = notice(Attempt::draw(), Kind::ExampleLevel, 3);
    let attempted = hook.fire(&notice, &Closing::default());
    assert_eq!((attempted.result, attempted.detail.as_str()), (HookResult::Ok, "answered 204"));
    let request = told.recv_timeout(LONG).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /hooks/a?b=c http/1.1"), "{head}");
    for line in ["content-type: application/json", "authorization: bearer s3cret", "user-agent: rotewatch/"] {
        assert!(head.contains(line), "{line} is missing of {head}");
    }
    assert!(head.contains(&format!("idempotency-key: {}", notice.idempotency_key())), "{head}");
    assert!(!head.contains("accept-encoding"), "{head}");
    assert_eq!(body, notice.to_json());
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for (status, result, again) in [
        ("200 OK", HookResult::Ok, false),
        ("500 Oops", HookResult::Failed, true),
        ("503 Later", HookResult::Failed, true),
        ("429 Slowly", HookResult::Failed, true),
        ("400 Bad", HookResult::Refused, false),
        ("404 None", HookResult::Refused, false),
        ("304 Same", HookResult::Refused, false),
    ] {
        let (address, _told) =
            receiver(move |_, connection| drop(write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nwhy")));
        let (got, detail, got_again) = fired(&webhook(&format!("http://{address}/")));
        assert_eq!((got, got_again), (result, again), "{status}: {detail}");
        assert!(detail.starts_with(&format!("answered {}", &status[..3])), "{detail}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (elsewhere, told_elsewhere) = receiver(says("HTTP/1.1 200 OK\r\n\r\n"));
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let answer = format!("HTTP/1.1 {status}\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        let (address, _told) = receiver(move |_, connection| drop(connection.write_all(answer.as_bytes())));
        let (result, _, again) = fired(&webhook(&format!("http://{address}/")));
        assert_eq!((result, again), (HookResult::Refused, false), "{status}");
    }
    assert!(told_elsewhere.is_empty());
}

#[test]
fn a_receiver_that_hangs_or_drips_is_left_when_the_time_is_over() {
    let (_open, kept_open) = bounded::<()>(0);
    let hangs = kept_open.clone();
    let (hanging, _h) = receiver(move |_, _| assert!(hangs.recv().is_err()));
    let (dripping, _d) = receiver(move |_, connection| {
        let mut whole = connection.write_all(b"HTTP/1.1 500 Oops\r\n");
        while whole.is_ok() && kept_open.recv_timeout(Duration::from_millis(100)).is_err_and(|error| error.is_timeout()) {
            whole = connection.write_all(b"X: y\r\n");
        }
    });
    for address in [hanging, dripping] {
        let since = Stopwatch::start();
        let mut hook = webhook(&format!("http://{address}/"));
        hook.params.timeout_seconds = 1;
        let (result, detail, again) = fired(&hook);
        assert_eq!((result, again), (HookResult::Timeout, true), "{detail}");
        assert!(since.elapsed() >= Duration::from_secs(1) && since.elapsed() < LONG / 2, "{:?}", since.elapsed());
    }
}

#[test]
fn of_an_endless_reply_no_more_is_read_than_is_kept() {
    let (cut_off, was_cut_off) = bounded(1);
    let (address, _told) = receiver(move |_, connection| {
        let mut written = connection.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while written.is_ok() {
            written = connection.write_all(b"1000\r\n").and_then(|()| connection.write_all(&[b'x'; 0x1000]));
            written = written.and_then(|()| connection.write_all(b"\r\n"));
        }
        let _ = cut_off.send(());
    });
    assert_eq!(fired(&webhook(&format!("http://{address}/"))).0, HookResult::Ok);
    was_cut_off.recv_timeout(LONG).unwrap();
    let (address, _told) = receiver(|_, connection| {
        let mut written = connection.write_all(b"HTTP/1.1 200 OK\r\n");
        while written.is_ok() {
            written = connection.write_all(b"X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
        }
    });
    assert_eq!(fired(&webhook(&format!("http://{address}/"))).0, HookResult::Unreachable, "a head without an end");
}

#[test]
fn no_connection_is_told_from_one_that_is_not_allowed() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (result, detail, again) = fired(&webhook(&format!("http://{closed}/")));
    assert_eq!((result, again), (HookResult::Unreachable, true), "{detail}");
    for metadata in ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe"] {
        let (result, detail, again) = fired(&webhook(&format!("http://{metadata}/latest/secret")));
        assert_eq!((result, again), (HookResult::Unusable, false), "{metadata}: {detail}");
        assert!(detail.contains("allow_link_local") && !detail.contains("secret"), "{detail}");
    }
}

#[test]
fn a_token_that_is_none_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let mut hook = webhook("http://127.0.0.1:9/");
    hook.params.token_file = Some(path.clone());
    assert_eq!(fired(&hook).0, HookResult::Unusable, "no file");
    for wrong in ["", "\n", "two words", "a\nb", "a\r\nX-Header: b", &"x".repeat(5000)] {
        std::fs::write(&path, wrong).unwrap();
        let (result, detail, again) = fired(&hook);
        assert_eq!((result, again), (HookResult::Unusable, false), "{wrong:?}");
        assert!(detail.contains("token_file"), "{detail}");
    }
}

#[test]
fn while_closing_an_attempt_keeps_to_what_is_left() {
    let (_open, kept_open) = bounded::<()>(0);
    let (address, _told) = receiver(move |_, _| assert!(kept_open.recv().is_err()));
    let hook = webhook(&format!("http://{address}/"));
    let closing = Closing::default();
    closing.announce(Stopwatch::start(), Duration::from_millis(300));
    let since = Stopwatch::start();
    let attempted = hook.fire(&notice(Attempt::draw(), Kind::ExampleLevel, 3), &closing);
    assert_eq!(attempted.result, HookResult::Timeout);
    assert!(since.elapsed() < LONG / 2, "{:?}", since.elapsed());
}

/// A TLS receiver with a self-signed certificate for 127.0.0.1, and that certificate.
fn encrypted_receiver() -> (SocketAddr, Certificate<'static>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let session = rustls::ServerConnection::new(Arc::new(config.clone())).unwrap();
            let mut stream = rustls::StreamOwned::new(session, connection.unwrap());
            // A client that does not trust the certificate disconnects before it sends anything.
            if stream.read(&mut [0; 1]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.flush();
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    (address, Certificate::from_der(&certificate).to_owned())
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_talked_to() {
    let (address, certificate) = encrypted_receiver();
    let stranger = webhook(&format!("https://{address}/"));
    let (result, detail, again) = fired(&stranger);
    assert_eq!((result, again), (HookResult::Unreachable, true));
    assert!(detail.contains("certificate"), "{detail}");
    let mut acquainted = webhook(&format!("https://{address}/"));
    acquainted.agent = OnceLock::from(agent(&acquainted.params, vec![certificate]));
    let (result, detail, _) = fired(&acquainted);
    assert_eq!(result, HookResult::Ok, "{detail}");
}

#[test]
fn a_receiver_without_encryption_is_no_receiver_for_https() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (result, detail, _) = fired(&webhook(&format!("https://{address}/")));
    assert_eq!(result, HookResult::Unreachable, "{detail}");
}
