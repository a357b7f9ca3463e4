//! What is changed of requests and answers.

use porthole_link::control::HeaderRules;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder};

use super::{closed, text};

/// A name that none of the gateway's own begins like.
const FIELD: &str = "[XYxy]-[A-EYZa-eyz][A-Za-z0-9-]{0,60}";

/// What can be described beside the other rules of a policy.
pub(super) fn rules(policy: ObjectBuilder) -> ObjectBuilder {
    policy.property("request_headers", headers()).property("response_headers", headers())
}

/// The same where nothing may be asked for.
pub(super) fn none(policy: ObjectBuilder) -> ObjectBuilder {
    let none = || {
        let empty = || ArrayBuilder::new().max_items(Some(0));
        ObjectBuilder::new().property("remove", empty()).property("set", empty()).property("add", empty())
    };
    policy.property("request_headers", none()).property("response_headers", none())
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
