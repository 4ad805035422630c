//! The keys of `[control]`.

use super::Given::Optional;
use super::{Kind, TLS, Table, key};

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
    ]],
};
