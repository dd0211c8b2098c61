//! The firewall, and all else that a probe must leave as it found it.

use super::Namespace;

impl Namespace {
    /// Applies nftables rules, in the language of `nft -f`.
    pub fn nft(&self, rules: &str) {
        self.output_of("nft", &["-f", "-"], rules);
    }

    /// The firewall rules in force.
    pub fn ruleset(&self) -> String {
        self.output_of("nft", &["list", "ruleset"], "")
    }

    /// Firewall, addresses, links and routes, to be compared before and after.
    pub fn configuration(&self) -> String {
        let addresses = self.output_of("ip", &["-details", "address"], "");
        let routes = ["-4", "-6"]
            .map(|family| self.output_of("ip", &[family, "route", "show", "table", "all"], ""));
        let rules = self.output_of("ip", &["rule"], "");
        [self.ruleset(), addresses, routes.concat(), rules].concat()
    }
}
