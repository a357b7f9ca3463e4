//! What is changed of requests and answers, paths that the service sees as others, and what pages of other origins
//! are told.

use porthole_link::control::{Cors, HeaderRules};
use serde_json::{Value, json};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};

use super::{SEGMENT, TOKEN, closed, one_of, or_null, text};

/// A name that none of the gateway's own begins like.
const FIELD: &str = "[XYxy]-[A-EYZa-eyz][A-Za-z0-9-]{0,60}";

/// What can be described beside the other rules of a policy.
pub(super) fn rules(policy: ObjectBuilder) -> ObjectBuilder {
    let policy = policy.property("request_headers", headers()).property("response_headers", headers());
    let path = || text(format!("^(?:/|(?:{SEGMENT}){{1,8}}/?)$"));
    let rewrite = ObjectBuilder::new().property("from", path()).property("to", path());
    let rewrite = closed(rewrite.required("from").required("to"));
    // No two lead from the same path, which a description cannot tell of more than one.
    let rewrites = ArrayBuilder::new().items(rewrite).max_items(Some(1));
    policy.property("cors", cors()).property("rewrites", rewrites)
}

/// The same where nothing may be asked for.
pub(super) fn none(policy: ObjectBuilder) -> ObjectBuilder {
    let none = || {
        let empty = || ArrayBuilder::new().max_items(Some(0));
        ObjectBuilder::new().property("remove", empty()).property("set", empty()).property("add", empty())
    };
    let policy = policy.property("request_headers", none()).property("response_headers", none());
    let no_rewrites = ArrayBuilder::new().max_items(Some(0));
    policy.property("cors", one_of([Value::Null])).property("rewrites", no_rewrites)
}

/// None, any origin without credentials, or those on a list.
fn cors() -> AnyOfBuilder {
    let list = |pattern: String| {
        ArrayBuilder::new().items(text(pattern).max_length(Some(60))).max_items(Some(Cors::MAX_ENTRIES))
    };
    let names = || list(format!("^{TOKEN}$"));
    let of = |origins: ArrayBuilder| {
        let seconds = ObjectBuilder::new().schema_type(or_null(Type::Integer));
        let seconds = seconds.minimum(Some(0)).maximum(Some(Cors::MAX_AGE));
        let cors = ObjectBuilder::new().property("origins", origins.min_items(Some(1))).required("origins");
        let cors = cors.property("methods", names()).property("headers", names());
        // A star would be a name like any other there, and is refused.
        cors.property("expose", list("^[A-Za-z0-9-]+$".into())).property("max_age_s", seconds)
    };
    let credentials = || ObjectBuilder::new().schema_type(Type::Boolean);
    let any = of(ArrayBuilder::new().items(one_of([json!("*")])).max_items(Some(1)));
    let listed = of(list(r"^https?://[a-z][a-z0-9]{0,30}\.[a-z]{2,10}(?::[1-9]\d{3})?$".into()));
    AnyOfBuilder::new()
        .item(one_of([Value::Null]))
        .item(closed(any.property("credentials", one_of([json!(false)]))))
        .item(closed(listed.property("credentials", credentials())))
}

/// A third of the changes that there may be for each kind.
fn headers() -> ObjectBuilder {
    let name = || text(format!("^{FIELD}$"));
    let value = || text("^(?:[!-~](?:[ -~]{0,60}[!-~])?)?$".into());
    let fields = || {
        let field = ObjectBuilder::new().property("name", name()).property("value", value());
        ArrayBuilder::new()
            .items(closed(field.required("name")))
            .max_items(Some(HeaderRules::MAX_CHANGES / 3))
    };
    let names = ArrayBuilder::new().items(name()).max_items(Some(HeaderRules::MAX_CHANGES / 3));
    closed(ObjectBuilder::new().property("remove", names).property("set", fields()).property("add", fields()))
}
