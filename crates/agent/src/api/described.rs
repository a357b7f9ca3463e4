//! Texts with a grammar of their own and members that go together, as far as the API’s description can tell it: what
//! fits is accepted.
//!
//! The parsers know more (an IPv6 address in its short form, say). `schemathesis` holds both together; how it is
//! run stands in `crates/README.md`.

mod shape;

use porthole_link::control::{BearerKey, CannedAnswer, JwtRule, Maintenance};
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, SchemaType};
use utoipa::openapi::{
    AllOfBuilder, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::gateway::GatewayInput;
use super::mappings::{MAX_USERS, MappingInput};
use crate::inspect::har::MAX_ENTRIES;
use crate::mapping::{MAX_CONCURRENT, MAX_KEY_BYTES, MIN_KEY_BYTES};

/// What Rust and Unicode take for a space.
const SPACES: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const TOKEN: &str = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PORT: &str = r"0*(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])";
/// A computer that requests are sent to.
const TARGET_HOST: &str = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62}){0,3}";

/// A segment of a path prefix.
const SEGMENT: &str = "/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*";

/// One that is taken; keys have too much of a grammar for a pattern.
const A_PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa13QgPHoSwgPBoJ1LbfY1bTJMCus\n\
    Kqty4cbZR0XaFl5enIYLD22MsHiCXOiMcGSvQ6Ul7QXBoictJO1gtgV/Hw==\n-----END PUBLIC KEY-----\n";

/// The name of a gateway.
const GATEWAY_HOST: &str = r"[a-z][a-z0-9-]{0,30}[a-z](?:\.[a-z]{2,10})?";

fn text(pattern: String) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// Anything to which only what is said of it applies.
fn any() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}

fn one_of(values: impl IntoIterator<Item = Value>) -> ObjectBuilder {
    any().enum_values(Some(values))
}

/// A filter in the language of `inspect::filter`: its words, and the usual form of each key.
pub(super) fn filter() -> Schema {
    let (space, other) = (format!("[{SPACES}]"), format!("[^{SPACES}]"));
    let said = r"[\p{L}\p{N}]";
    let word = format!(r#"(?!"|[A-Za-z_-]+:(?!//)|-)(?={other}*{said}){other}+"#);
    let quoted = format!(r#"(?=[^"]*{said})"(?:[^"\\]|\\.)*""#);
    let key = [
        format!(r#"(?:path|url|host|mapping|visitor|error|note|name):[^"{SPACES}]{other}*"#),
        format!("method:[A-Za-z]+|header:{TOKEN}|type:[a-z/+]+"),
        r"status:[1-9](?:xx|\d\d)".into(),
        "is:(?:http|websocket|sse|tcp|replay|import|open|done|failed|pinned|edited)".into(),
        r"duration:[<>]=?\d{1,6}m?s|size:[<>]=?\d{1,6}[KM]?B|(?:after|before):\d{1,4}[smhd]".into(),
    ]
    .join("|");
    let term = format!("-?(?:{word}|{quoted}|{key})");
    text(format!("^{space}*(?:{term}(?:{space}+{term}){{0,20}}{space}*)?$")).default(Some(json!(""))).into()
}

/// What a comparison leaves out, with commas.
pub(super) fn ignored() -> Schema {
    let step = r#"(?:\.\.?(?:\*|[^.\[, ]+)|(?:\.\.)?\[(?:\*|\d{1,9}|'[^',]*'|"[^",]*")\])"#;
    let rule = format!(r"(?:header:{TOKEN}|\${step}{{1,8}})");
    text(format!("^(?:{rule}(?:,{rule}){{0,8}})?$")).default(Some(json!(""))).into()
}

/// An archive that can be read; more of it is told by HAR 1.2.
pub(super) struct HarArchive;

impl PartialSchema for HarArchive {
    fn schema() -> RefOr<Schema> {
        // What is asked for over something else has no host, and is left out.
        let url = "^(?:(?:https?|wss?)://[^/?#]|(?!(?:https?|wss?):)[^:]*:)";
        let method = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let request = ObjectBuilder::new().property("method", method).property("url", text(url.into()));
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let time = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        let entry = ObjectBuilder::new()
            .property("startedDateTime", time)
            .property("request", request.required("method").required("url"));
        let entry = entry.required("startedDateTime").required("request");
        let entries = ArrayBuilder::new().items(entry).max_items(Some(MAX_ENTRIES));
        let log = ObjectBuilder::new().property("entries", entries).required("entries");
        let archive = ObjectBuilder::new().description(Some("An HTTP archive (HAR 1.2)"));
        archive.property("log", log).required("log").into()
    }
}

impl ToSchema for HarArchive {}

/// A gateway that can be tried: its URL and a token, or the link that was clicked.
pub(super) struct GatewayToTry;

impl PartialSchema for GatewayToTry {
    fn schema() -> RefOr<Schema> {
        let url = format!(r"^(?:https?|wss?)://{GATEWAY_HOST}(?::[1-9]\d{{0,3}})?(?:/tunnel)?/?$");
        let token = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let given = any().property("gateway", text(url)).property("token", token);
        let clicked = any().property("offer", one_of([json!(true)]));
        let either = AnyOfBuilder::new()
            .item(given.required("gateway").required("token"))
            .item(clicked.required("offer"));
        AllOfBuilder::new().item(GatewayInput::schema()).item(either).into()
    }
}

impl ToSchema for GatewayToTry {}

/// `porthole://connect?…`, whole.
pub(super) fn link() -> Schema {
    // Any text may be a token, and is taken as it stands.
    let token = r"(?:&token=[^\r\n]*)?";
    text(format!(r"^porthole://connect\?gateway=https?%3A%2F%2F{GATEWAY_HOST}{token}$")).into()
}

/// A mapping that can be kept, over one that is there: users who have a password already need none, and a public
/// address is given only once.
pub(super) struct MappingToReplace;

/// A mapping that can be kept.
pub(super) struct MappingToAdd;

impl ToSchema for MappingToReplace {}
impl ToSchema for MappingToAdd {}

impl PartialSchema for MappingToReplace {
    fn schema() -> RefOr<Schema> {
        mapping(&[], &[]).item(addressed()).into()
    }
}

impl PartialSchema for MappingToAdd {
    fn schema() -> RefOr<Schema> {
        mapping(&["password"], &["key"]).into()
    }
}

/// The members of [`MappingInput`], with what each may be and which go together.
fn mapping(of_each_user: &[&str], of_each_key: &[&str]) -> AllOfBuilder {
    let mut members = match MappingInput::schema() {
        RefOr::T(Schema::Object(members)) => members,
        _ => Object::default(),
    };
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?";
    for (name, pattern) in [
        ("name", "^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)?$".to_owned()),
        ("host", format!(r"^(?:(?:\*\.)?{label}\.[A-Za-z]{{2,20}})?$")),
        ("path", format!("^(?:/|(?:{SEGMENT}){{1,8}}/?)?$")),
        ("host_header", r"^[A-Za-z0-9._:\[\]-]{0,255}$".to_owned()),
    ] {
        change(&mut members, name, |member| member.pattern = Some(pattern));
    }
    for (name, most) in [("remote_port", 65_535), ("timeout_ms", 24 * 60 * 60 * 1000_i64)] {
        change(&mut members, name, |member| {
            (member.minimum, member.maximum) = (Some(1.into()), Some(most.into()));
        });
    }
    members.properties.insert("matches".into(), conditions().into());
    members.properties.insert("policy".into(), policy(of_each_user, of_each_key).into());
    AllOfBuilder::new().item(members).item(together())
}

/// With a public address; raw TCP has one in any case.
fn addressed() -> AnyOfBuilder {
    let begins = |name: &str, first: &str| any().property(name, text(format!("^{first}"))).required(name);
    AnyOfBuilder::new()
        .item(begins("name", "[A-Za-z0-9]"))
        .item(begins("host", "[A-Za-z0-9*]"))
        .item(begins("path", "/[^/]"))
        .item(begins("target", "tcp://"))
        .item(any().property("protocol", one_of([json!("tcp")])).required("protocol"))
}

fn change(members: &mut Object, name: &str, change: impl FnOnce(&mut Object)) {
    if let Some(RefOr::T(Schema::Object(member))) = members.properties.get_mut(name) {
        change(member);
    }
}

/// An array that may be absent by name.
pub(super) fn list_or_null() -> ArrayBuilder {
    ArrayBuilder::new().schema_type(or_null(Type::Array))
}

/// What a request must have beside the address.
fn conditions() -> ArrayBuilder {
    let condition = ObjectBuilder::new()
        .property("on", Ref::from_schema_name("On"))
        .property("name", text(format!(r"^[^{SPACES}\x00-\x1f\x7f-\x9f=]+$")))
        .property("value", ObjectBuilder::new().schema_type(or_null(Type::String)));
    list_or_null().items(closed(condition.required("on").required("name")))
}

/// With no members but those that are named.
fn closed(object: ObjectBuilder) -> ObjectBuilder {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// Who may come in.
fn policy(of_each_user: &[&str], of_each_key: &[&str]) -> Object {
    let password = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let user = text(r"^[^:\x00-\x1f\x7f-\x9f]+$".into());
    let user = ObjectBuilder::new().property("user", user).property("password", password).required("user");
    let user = of_each_user.iter().fold(user, |user, name| user.required(*name));
    let byte = r"(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])";
    let four = format!(r"{byte}(?:\.{byte}){{3}}(?:/(?:\d|[12]\d|3[0-2]))?");
    let six = r"(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?:/(?:\d|[1-9]\d|1[01]\d|12[0-8]))?";
    let networks = || ArrayBuilder::new().items(text(format!("^(?:{four}|{six})?$")));
    let rate = || {
        let within = r"(?:(?:[1-9]\d{0,3})?s|(?:[1-9]\d{0,2})?m|[1-9]?h|d)";
        text(format!(r"^(?:[1-9]\d{{0,5}}/{within})?$")).schema_type(or_null(Type::String))
    };
    let users = ArrayBuilder::new().items(closed(user)).max_items(Some(MAX_USERS)).unique_items(true);
    let policy = ObjectBuilder::new().property("basic_auth", users);
    let key = text(format!("^[!-~]{{{MIN_KEY_BYTES},{MAX_KEY_BYTES}}}$"));
    let key = ObjectBuilder::new()
        .property("name", text("^[A-Za-z0-9._-]{1,64}$".into()))
        .property("key", key)
        .required("name");
    let key = of_each_key.iter().fold(key, |key, name| key.required(*name));
    let keys = ArrayBuilder::new().items(closed(key)).max_items(Some(BearerKey::MAX_KEYS)).unique_items(true);
    let policy = policy.property("bearer_keys", keys).property("jwt", tokens());
    let policy = policy.property("allow_ip", networks()).property("deny_ip", networks());
    let policy = policy.property("rate_limit", rate()).property("visitor_rate_limit", rate());
    let at_once = ObjectBuilder::new().schema_type(or_null(Type::Integer));
    let at_once = at_once.minimum(Some(1)).maximum(Some(MAX_CONCURRENT));
    let size =
        text(r"^(?:\d{1,9}(?:\.\d{1,9}[KMG]i?B|(?:[KMG]i?)?B)?)?$".into()).schema_type(or_null(Type::String));
    let policy = policy.property("max_concurrent", at_once).property("max_body", size);
    closed(rules(policy)).build()
}

/// What tokens have to be like: by keys of one of three places.
fn tokens() -> AnyOfBuilder {
    let blank = || one_of([Value::Null, json!("")]);
    let words = || text("^[A-Za-z0-9._:/-]{1,100}$".into());
    let list = |least: usize| {
        ArrayBuilder::new().items(words()).min_items(Some(least)).max_items(Some(JwtRule::MAX_LIST))
    };
    let claims = || {
        let claim = ObjectBuilder::new().property("name", words()).property("value", words());
        let claim = closed(claim.required("name").required("value"));
        ArrayBuilder::new().items(claim).max_items(Some(JwtRule::MAX_LIST))
    };
    let of = |name: &str, keys: ObjectBuilder, audiences: usize| {
        let issuer = text("^[A-Za-z0-9._:/-]{0,100}$".into()).schema_type(or_null(Type::String));
        let rule = ["jwks_url", "public_key", "secret"]
            .into_iter()
            .filter(|other| *other != name)
            .fold(ObjectBuilder::new(), |rule, other| rule.property(other, blank()));
        let rule = rule.property(name, keys).property("issuer", issuer).property("claims", claims());
        let rule = rule.property("audiences", list(audiences));
        let rule = rule.property("has_secret", one_of([Value::Null, json!(false)])).required(name);
        closed(if audiences > 0 { rule.required("audiences") } else { rule })
    };
    let url = text(format!("^https://{GATEWAY_HOST}/[a-z0-9/.-]{{0,100}}$"));
    AnyOfBuilder::new()
        .item(of("jwks_url", url, 1))
        .item(of("public_key", one_of([json!(A_PUBLIC_KEY)]), 0))
        .item(of("secret", text("^[!-~]{32,200}$".into()), 0))
        .item(one_of([Value::Null]))
}

/// What is asked of requests.
fn rules(policy: ObjectBuilder) -> ObjectBuilder {
    let path = || text(format!("^(?:/|(?:{SEGMENT}){{1,8}}/?)$"));
    let methods = ArrayBuilder::new().items(text("^[A-Za-z_-]{1,32}$".into())).max_items(Some(64));
    let paths = || ArrayBuilder::new().items(path()).max_items(Some(100));
    let sentence = text(r"^[^\x00-\x1f\x7f-\x9f]{0,200}$".into()).schema_type(or_null(Type::String));
    let seconds = ObjectBuilder::new().schema_type(or_null(Type::Integer)).minimum(Some(1));
    let seconds = seconds.maximum(Some(Maintenance::MAX_RETRY_AFTER));
    let maintenance = ObjectBuilder::new().schema_type(or_null(Type::Object));
    let maintenance = maintenance.property("message", sentence).property("retry_after_s", seconds);
    let policy = policy.property("maintenance", closed(maintenance)).property("allow_methods", methods);
    let policy = policy.property("public_paths", paths()).property("private_paths", paths());
    let answers = ArrayBuilder::new().items(canned(path)).max_items(Some(CannedAnswer::MAX_ANSWERS));
    shape::rules(policy.property("answers", answers))
}

/// An answer with a body, one without, and one that leads elsewhere.
fn canned(path: impl Fn() -> ObjectBuilder) -> AnyOfBuilder {
    let blank = || one_of([Value::Null, json!("")]);
    let of = |statuses: Vec<u16>| {
        let status = ObjectBuilder::new().schema_type(Type::Integer);
        let status = status.enum_values(Some(statuses.into_iter().map(Value::from)));
        let answer = ObjectBuilder::new().property("path", path()).property("status", status);
        answer.required("path").required("status")
    };
    let kind = text("^[ -~]{0,256}$".into()).schema_type(or_null(Type::String));
    let body = ObjectBuilder::new().schema_type(or_null(Type::String)).max_length(Some(1000));
    let location = text("^(?:/|https?://)[!-~]{0,200}$".into());
    let redirects = [301, 302, 303, 307, 308];
    let others = (200..600).filter(|status| !redirects.contains(status) && ![204, 205, 304].contains(status));
    let whole = of(others.collect()).property("location", blank()).property("content_type", kind);
    let empty = of(vec![204, 205]).property("location", blank()).property("content_type", blank());
    let elsewhere = of(redirects.to_vec()).property("location", location).property("content_type", blank());
    AnyOfBuilder::new()
        .item(closed(whole.property("body", body)))
        .item(closed(empty.property("body", blank())))
        .item(closed(elsewhere.property("body", blank()).required("location")))
}

/// A member that may be absent by name.
fn or_null(kind: Type) -> SchemaType {
    [kind, Type::Null].into_iter().collect()
}

/// Which members of a mapping go together: a name or a host, and nothing for HTTP where it is raw TCP.
fn together() -> AnyOfBuilder {
    let plain = format!("{PORT}|:{PORT}|{TARGET_HOST}:{PORT}");
    let web = format!("https?://{TARGET_HOST}(?::{PORT})?/?|h2c://{TARGET_HOST}:{PORT}/?");
    let tcp = format!("tcp://{TARGET_HOST}:{PORT}/?");
    let blank = || one_of([Value::Null, json!("")]);
    let none = || ArrayBuilder::new().max_items(Some(0));
    let http = || {
        any()
            .property("protocol", one_of([Value::Null, json!("http")]))
            .property("target", text(format!("^(?:{plain}|{web})$")))
            .property("remote_port", one_of([Value::Null]))
    };
    let raw = |protocol: ObjectBuilder, target: String| {
        any()
            .property("protocol", protocol)
            .property("target", text(target))
            .property("path", one_of([Value::Null, json!(""), json!("/")]))
            .property("strip_prefix", one_of([json!(false)]))
            .property("host_header", one_of([Value::Null, json!(""), json!("preserve")]))
            .property("matches", list_or_null().max_items(Some(0)))
            .property(
                "policy",
                shape::none(any())
                    .property("basic_auth", none())
                    .property("bearer_keys", none())
                    .property("jwt", one_of([Value::Null]))
                    .property("max_body", blank())
                    .property("maintenance", one_of([Value::Null]))
                    .property("allow_methods", none())
                    .property("public_paths", none())
                    .property("private_paths", none())
                    .property("answers", none()),
            )
    };
    let raw_plain = || raw(one_of([json!("tcp")]), format!("^(?:{plain}|{tcp})$"));
    let raw_url = || raw(one_of([Value::Null, json!("tcp")]), format!("^{tcp}$"));
    let by_port = |mapping: ObjectBuilder| mapping.property("host", blank());
    let by_host = |mapping: ObjectBuilder| {
        mapping.property("host", text(r"^[^*]*$".into())).property("remote_port", one_of([Value::Null]))
    };
    AnyOfBuilder::new()
        .item(http().property("host", blank()))
        .item(http().property("name", blank()))
        .item(by_port(raw_plain()).required("protocol"))
        .item(by_host(raw_plain()).required("protocol"))
        .item(by_port(raw_url()))
        .item(by_host(raw_url()))
}
