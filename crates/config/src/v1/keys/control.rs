//! The keys of `[control]`.

use super::Given::{Default, Optional, Required};
use super::{DAY, Kind, MINUTE, TLS, Table, duration, key};

pub(crate) static CONTROL: Table = Table {
    groups: &[&[
        key(
            "names",
            Kind::Texts,
            Optional,
            "Host names by which the control API is called from elsewhere, with the port when it is not the usual one. \
             Requests to other names are refused.",
        ),
        key(
            "tls",
            Kind::Table(&TLS),
            Optional,
            "Serve the control API over HTTPS. Needed to listen beyond this machine, unless a proxy does it.",
        ),
        key(
            "trusted-proxies",
            Kind::Texts,
            Optional,
            "IP addresses of proxies that end TLS in front of the control API. Without `tls` nobody else may connect \
             from beyond this machine. Tokens are asked for all the same.",
        ),
        key(
            "oidc",
            Kind::Table(&OIDC),
            Optional,
            "People sign in to the page through an OpenID provider (authorization code with PKCE). Left out: by \
             `staunch ui` alone.",
        ),
    ]],
};

static OIDC: Table = Table {
    groups: &[&[
        key(
            "issuer",
            Kind::Text,
            Required,
            "The provider, exactly as it calls itself: \"https://login.example.org\". Without TLS on loopback only.",
        ),
        key("client-id", Kind::Text, Required, "As the provider calls this server."),
        key(
            "client-secret-file",
            Kind::File,
            Optional,
            "A file that holds the client's secret and nothing else; relative to the folder of this file. Left out: the \
             client has none.",
        ),
        key(
            "ca",
            Kind::File,
            Optional,
            "A PEM file of the authorities that vouch for the provider. Left out: those of the system.",
        ),
        key(
            "scopes",
            Kind::Texts,
            Default("[\"email\"]"),
            "What the provider is asked for beside `openid`. Many providers want \"groups\" or \"profile\" here before \
             they tell groups.",
        ),
        key(
            "name-claim",
            Kind::Text,
            Default("\"email\""),
            "The claim by which the journal and approvals call a person. Choose one that people cannot set themselves; an \
             address that the provider has not verified is refused.",
        ),
        key(
            "groups-claim",
            Kind::Text,
            Default("\"groups\""),
            "The claim with a person's groups: its name, or a path such as \"realm_access.roles\".",
        ),
        key(
            "session",
            duration(MINUTE, DAY),
            Default("\"12h\""),
            "How long a browser stays signed in. Groups are asked for when it signs in, and not again until then.",
        ),
        key(
            "roles",
            Kind::Table(&ROLES),
            Required,
            "Which groups may do what. Whoever is in none of them stays out.",
        ),
    ]],
};

static ROLES: Table = Table {
    groups: &[&[
        key(
            "viewer",
            Kind::Texts,
            Optional,
            "These groups look. \"*\" is everybody whom the provider signs in.",
        ),
        key("deployer", Kind::Texts, Optional, "These groups deploy, promote, pause and abort."),
        key(
            "approver",
            Kind::Texts,
            Optional,
            "These groups answer what others ask for; before deployer, for whoever is both.",
        ),
        key("admin", Kind::Texts, Optional, "These groups do everything, and give access."),
    ]],
};
