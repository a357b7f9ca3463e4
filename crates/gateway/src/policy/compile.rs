//! A mapping's policy, parsed and checked once.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use argon2::password_hash::phc::PasswordHash;
use ipnet::{IpNet, Ipv4Net};
use porthole_http1::RequestHead;
use porthole_link::control::{BasicAuth, Floor, Policy, RateLimit};

use super::jwt::{Jwt, TokenProblem};
use super::keys::Keys;
use super::places::none_left;
use super::{Exceeded, Place, Places, PolicyRefusal, Rates, Rules};

/// Networks in one list, and users of one mapping: looked through for each request.
const MAX_NETWORKS: usize = 1000;
const MAX_USERS: usize = 100;
/// What one password check may cost: memory in KiB, passes, lanes. A token holder chooses the hash, so
/// it must not choose 4 GiB. Agents make 19 MiB, 2 passes, 1 lane (OWASP's first choice).
const MAX_HASH_KIB: u32 = 64 * 1024;
const MAX_HASH_PASSES: u32 = 8;
const MAX_HASH_LANES: u32 = 4;

/// A policy ready to be asked. The default admits everybody.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    pub(super) users: Vec<BasicAuth>,
    pub(super) keys: Keys,
    jwt: Option<Arc<Jwt>>,
    realm: String,
    rates: Option<Arc<Rates>>,
    most_at_once: Option<u32>,
    places: Places,
    /// What is asked of HTTP requests beside.
    pub(super) rules: Option<Arc<Rules>>,
    /// What the gateway asks beside, which the mapping cannot loosen; counted for this mapping alone.
    pub(super) floor: Option<Box<Self>>,
}

/// A visitor's places, where their number is bounded: held until the exchange is over.
#[derive(Debug, Default)]
pub struct Inside {
    _own: Option<Place>,
    _floor: Option<Place>,
}

impl Compiled {
    /// Checks a mapping's policy. `label` becomes the realm that a browser shows.
    ///
    /// # Errors
    /// One sentence that names the entry which is wrong.
    pub fn new(policy: &Policy, label: &str) -> Result<Self, String> {
        if let Some(name) = policy.unknown.names().next() {
            return Err(format!(
                "This gateway does not know the rule \"{}\" and would let in whom it keeps out; update the gateway.",
                shown(name)
            ));
        }
        for user in &policy.basic_auth {
            check_user(user)?;
        }
        if policy.max_concurrent == Some(0) {
            return Err("A mapping that takes no request at once takes none at all; disable it.".to_owned());
        }
        if policy.basic_auth.len() > MAX_USERS {
            return Err(format!("A mapping may have at most {MAX_USERS} users."));
        }
        Ok(Self {
            allow: networks(&policy.allow_ip)?,
            deny: networks(&policy.deny_ip)?,
            users: policy.basic_auth.clone(),
            keys: Keys::new(&policy.bearer_keys)?,
            jwt: policy.jwt.as_ref().map(Jwt::new).transpose()?.map(Arc::new),
            realm: realm(label),
            most_at_once: policy.max_concurrent,
            places: Places::default(),
            rules: Rules::new(policy)?.map(Arc::new),
            rates: Rates::new(rate(policy.rate_limit)?, rate(policy.visitor_rate_limit)?).map(Arc::new),
            floor: None,
        })
    }

    /// The same under the gateway's floor: both must admit.
    ///
    /// # Errors
    /// One sentence that names what of the floor is wrong.
    pub fn under(self, floor: &Floor) -> Result<Self, String> {
        let asked = floor.policy();
        let floor = if asked == Policy::default() { None } else { Some(Box::new(Self::new(&asked, "")?)) };
        Ok(Self { floor, ..self })
    }

    /// Takes over what was counted for the mapping under the policy that it had before: who is inside, and rates
    /// where they count alike.
    pub fn go_on_from(&mut self, before: &Self) {
        self.places = before.places.clone();
        if let (Some(rates), Some(counted)) = (&self.rates, &before.rates)
            && rates.is_like(counted)
        {
            self.rates = Some(Arc::clone(counted));
        }
        if let (Some(floor), Some(before)) = (&mut self.floor, &before.floor) {
            floor.go_on_from(before);
        }
    }

    pub fn is_open(&self) -> bool {
        self.allow.is_empty()
            && self.deny.is_empty()
            && !self.asks_credentials()
            && self.rates.is_none()
            && self.rules.is_none()
            && self.floor.is_none()
    }

    pub fn asks_password(&self) -> bool {
        !self.users.is_empty()
    }

    pub fn asks_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What tokens have to be like, where they are asked for.
    pub fn jwt(&self) -> Option<&Jwt> {
        self.jwt.as_deref()
    }

    /// Whether visitors have to show who they are.
    pub fn asks_credentials(&self) -> bool {
        self.asks_password() || self.asks_key() || self.jwt.is_some()
    }

    /// Whether it asks for what only HTTP has, beside credentials.
    pub fn asks_http(&self) -> bool {
        self.rules.is_some()
    }

    /// Bytes that the body of one request may have.
    pub fn max_body(&self) -> u64 {
        let own = self.rules.as_ref().map_or(u64::MAX, |rules| rules.max_body);
        self.floor.as_ref().map_or(own, |floor| own.min(floor.max_body()))
    }

    /// Makes the head of a request that was let in what the service is to see.
    pub fn change_request(&self, head: &mut RequestHead) {
        if let Some(rules) = &self.rules {
            rules.change_request(head);
        }
    }

    /// Those that change answers, if any do.
    pub fn answer_rules(&self) -> Option<Arc<Rules>> {
        self.rules.as_ref().filter(|rules| rules.changes_answers()).cloned()
    }

    /// Whether the address lists let `visitor` in: deny wins; with an allow list only those on it.
    pub fn admits(&self, visitor: IpAddr) -> bool {
        self.lists_admit(visitor) && self.floor.as_ref().is_none_or(|floor| floor.lists_admit(visitor))
    }

    pub(super) fn lists_admit(&self, visitor: IpAddr) -> bool {
        let visitor = visitor.to_canonical();
        let on = |list: &[IpNet]| list.iter().any(|network| network.contains(&visitor));
        !on(&self.deny) && (self.allow.is_empty() || on(&self.allow))
    }

    /// Counts one request, or one TCP connection.
    ///
    /// # Errors
    /// [`Exceeded`] where that is one too many.
    pub fn count(&self, visitor: IpAddr, now: Instant) -> Result<(), Exceeded> {
        self.floor.as_ref().map_or(Ok(()), |floor| floor.count_alone(visitor, now))?;
        self.count_alone(visitor, now)
    }

    pub(super) fn count_alone(&self, visitor: IpAddr, now: Instant) -> Result<(), Exceeded> {
        self.rates.as_ref().map_or(Ok(()), |rates| rates.take(visitor, now))
    }

    /// Takes no more than `most` at once, whatever the mapping asks for.
    pub fn bound_at_once(&mut self, most: u32) {
        self.most_at_once = Some(self.most_at_once.map_or(most, |asked| asked.min(most)));
    }

    /// A place for one who was let in, where their number is bounded; held until the exchange is over.
    ///
    /// # Errors
    /// A 503 when all are taken.
    pub fn enter(&self) -> Result<Inside, PolicyRefusal> {
        let floor = self.floor.as_ref().map(|floor| floor.enter_alone()).transpose()?.flatten();
        Ok(Inside { _own: self.enter_alone()?, _floor: floor })
    }

    fn enter_alone(&self) -> Result<Option<Place>, PolicyRefusal> {
        let Some(most) = self.most_at_once else { return Ok(None) };
        self.places.take(most).map(Some).ok_or_else(none_left)
    }

    /// The 401 that asks for what lets a visitor in.
    pub fn challenge(&self) -> PolicyRefusal {
        self.asking("")
    }

    /// The same for who came with a key, and not with the right one (RFC 6750 §3.1).
    pub fn challenge_again(&self) -> PolicyRefusal {
        self.asking(", error=\"invalid_token\"")
    }

    /// The same for who came with a token that is not accepted.
    pub fn challenge_token(&self, problem: TokenProblem) -> PolicyRefusal {
        PolicyRefusal { message: Cow::Owned(problem.to_string()), ..self.challenge_again() }
    }

    fn asking(&self, wrong: &str) -> PolicyRefusal {
        let bearer = self.asks_key() || self.jwt.is_some();
        let basic =
            self.asks_password().then(|| format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm));
        let bearer = bearer.then(|| format!("Bearer realm=\"{}\"{wrong}", self.realm));
        let sentence = match (self.asks_password(), self.asks_key(), self.jwt.is_some()) {
            (_, false, false) => "This address asks for a user name and a password.",
            (true, true, false) => "This address asks for a user name and a password, or for a key.",
            (true, _, true) => "This address asks for a user name and a password, or for a token.",
            (false, true, false) => {
                "This address asks for a key; send it as Authorization: Bearer KEY, or as X-API-Key."
            }
            (false, _, true) => "This address asks for a token; send it as Authorization: Bearer TOKEN.",
        };
        let www_authenticate = basic.into_iter().chain(bearer).collect();
        PolicyRefusal { www_authenticate, ..PolicyRefusal::new(401, "auth-required", sentence) }
    }
}

fn rate(limit: Option<RateLimit>) -> Result<Option<RateLimit>, String> {
    if limit.is_none_or(RateLimit::is_usable) {
        return Ok(limit);
    }
    Err(format!(
        "A rate limit is 1 to {} requests within 1 to {} seconds.",
        RateLimit::MAX_REQUESTS,
        RateLimit::MAX_SECONDS
    ))
}

/// A word of an agent's, safe and short enough for a sentence.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn networks(list: &[String]) -> Result<Vec<IpNet>, String> {
    if list.len() > MAX_NETWORKS {
        return Err(format!("A mapping may have at most {MAX_NETWORKS} networks in one list."));
    }
    let parse = |text: &String| {
        parse_network(text).ok_or_else(|| {
            format!("\"{}\" is no network; give a CIDR like 203.0.113.0/24 or one address.", shown(text))
        })
    };
    list.iter().map(parse).collect()
}

/// A CIDR or one address; IPv4 written as IPv6 (`::ffff:10.0.0.0/104`) becomes IPv4.
pub fn parse_network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && v6.prefix_len() >= 96
    {
        return Ipv4Net::new(v4, v6.prefix_len() - 96).ok().map(|net| IpNet::V4(net.trunc()));
    }
    Some(network.trunc())
}

fn check_user(user: &BasicAuth) -> Result<(), String> {
    let shown = shown(&user.user);
    let wrong = |what: &str| Err(format!("The password of user \"{shown}\" is not usable: {what}."));
    if user.user.contains(':') || user.user.chars().any(char::is_control) {
        return wrong("a user name holds no colon and no control characters");
    }
    let Ok(hash) = PasswordHash::new(&user.hash) else {
        return wrong("it must be an argon2id hash in PHC format");
    };
    if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
        return wrong("it must be an argon2id hash in PHC format");
    }
    let cost = |name: &str| hash.params.get_decimal(name);
    let affordable = cost("m").is_some_and(|kib| kib <= MAX_HASH_KIB)
        && cost("t").is_some_and(|passes| passes <= MAX_HASH_PASSES)
        && cost("p").is_some_and(|lanes| lanes <= MAX_HASH_LANES);
    if affordable { Ok(()) } else { wrong("its hash costs more than 64 MiB, 8 passes or 4 lanes") }
}

/// A quoted string's inside: visible ASCII without quotes and backslashes, so that no header can be
/// split and no quote closed.
fn realm(label: &str) -> String {
    let safe = |c: &char| (' '..='~').contains(c) && !matches!(c, '"' | '\\');
    let realm: String = label.chars().filter(safe).take(100).collect();
    if realm.trim().is_empty() { "porthole".to_owned() } else { realm }
}
