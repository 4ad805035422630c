//! Every finding of the preflight, what it means and what to do. A code that is not listed here cannot be found.

/// What a finding that refuses a deploy makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Incompatible, or against the policy.
    Policy,
    /// The error budget is spent.
    Budget,
    Rejected,
    /// Others have to agree first.
    Approval,
}

impl Stop {
    /// The exit status of a command that meets it.
    pub fn exit(self) -> u8 {
        match self {
            Self::Policy => 15,
            Self::Budget => 14,
            Self::Rejected => 17,
            Self::Approval => 13,
        }
    }
}

/// What is known of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingInfo {
    pub code: &'static str,
    pub stop: Stop,
    pub meaning: &'static str,
    pub fix: &'static str,
}

macro_rules! codes {
    ($($variant:ident $code:literal $stop:ident $meaning:literal $fix:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FindingCode { $($variant),* }

        impl FindingCode {
            pub fn info(self) -> &'static FindingInfo {
                match self {
                    $(Self::$variant => &FindingInfo {
                        code: $code, stop: Stop::$stop, meaning: $meaning, fix: $fix,
                    }),*
                }
            }
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }
    };
}

codes! {
    VersionUnnamed "version-unnamed" Policy
        "`version = \"auto\"` names a version by its commit, and there is no commit that holds what would be deployed."
        "commit the changes, or leave `version` out to get v1, v2, …"
    VersionReused "version-reused" Policy
        "The name has been that of other content which served everyone. History would show two contents under one name."
        "give the new content a name of its own"
    VersionDeprecated "version-deprecated" Policy
        "A `[[version]]` entry says that this version should not be deployed any more."
        "deploy a newer version"
    VersionSkips "version-skips" Policy
        "Versions that have to be served in between are left out."
        "deploy the versions of the path one after the other"
    VersionDowngrade "version-downgrade" Policy
        "The new version is older than the one that runs, and the running one says how far back one can go."
        "deploy a version that can be gone back to, or use `staunch rollback`"
    RequiresMissing "requires-missing" Policy
        "The version needs another service, and that one runs nothing."
        "deploy the other service first"
    RequiresUnknown "requires-unknown" Policy
        "The version needs something that is neither a service of the file nor in `[policy.outside]`."
        "correct the name, or tell its version in `[policy.outside]`"
    RequiresVersion "requires-version" Policy
        "The version needs another version of a service than one that runs. During a rollout both of its versions run, and both must fit."
        "bring the other service to a version in the range first"
    RequiredBy "required-by" Policy
        "A version of another service that runs needs another version of this one."
        "bring the other service to a version that works with this one first"
    Breaks "breaks" Policy
        "One of the two versions is known to make the other fail."
        "bring one of them to a version that does not first"
    SchemaMismatch "schema-mismatch" Policy
        "While both versions run, one of them would meet a schema that it does not work with."
        "split the migration: first a version that works with both schemas"
    LimitExceeded "limit-exceeded" Policy
        "The path of the new version risks more at once than `[policy]` allows."
        "change the path, or the limit"
    WindowClosed "window-closed" Policy
        "Changes begin only in the hours of a `[[window]]`."
        "wait for the window, or use `staunch deploy --emergency --reason …`"
    Frozen "frozen" Policy
        "A person has frozen the service. Rollback and abort are possible all the same."
        "ask that person, wait, or use `staunch deploy --emergency --reason …`"
    NotBaked "not-baked" Policy
        "The same files have not ended their bake in the environment that comes before."
        "deploy there first"
    ApproversTooFew "approvers-too-few" Policy
        "Fewer people may approve than have to: the author's own word does not count."
        "name more people in `from`, or lower `count`"
    ApprovalNeeded "approval-needed" Approval
        "Other people have to agree before this begins. They agree to exactly this plan; another plan needs them anew."
        "`staunch approve` by another person, then `staunch deploy` again"
    ApprovalRejected "approval-rejected" Rejected
        "Somebody who was asked said no to exactly this plan."
        "change what they object to, or let them approve"
    BudgetFrozen "budget-frozen" Budget
        "Too little of the error budget is left to risk a change; going back is possible all the same."
        "fix what fails, wait until it thaws, or pass with `--critical-fix --reason … --approved-by NAME`"
    CheckFailed "check-failed" Policy
        "A report that `[checks]` requires says that the version does not meet its limit."
        "mend what the report names, and make the report anew"
    CheckMissing "check-missing" Policy
        "A report that `[checks]` requires is not there."
        "make the report before the deploy, or correct its path"
    CheckStale "check-stale" Policy
        "A report that `[checks]` requires is about other content than would be deployed, or too old."
        "make the report anew"
    CheckUnreadable "check-unreadable" Policy
        "A report that `[checks]` requires cannot be read: cut off, of another form, too large, or hostile."
        "make the report anew"
    ConfidenceLow "confidence-low" Policy
        "The score of the version is below the least that `[confidence]` lets through."
        "`staunch plan` explains every point; smaller steps, passing checks and smaller changes raise it"
    ConfidenceAsks "confidence-asks" Policy
        "The score asks for a person, and the path has no step at which one could decide."
        "give the canary a step at which a person can decide, for example steps = [5, 100]"
    StepBefore "step-before" Policy
        "What people do before the version is deployed, from its `[[version]]` entry."
        "do it, then deploy"
    StepAfter "step-after" Policy
        "What people do when the version has succeeded, from its `[[version]]` entry."
        "do it after the bake"
}

/// What is known of a code by its name.
pub fn finding_info(name: &str) -> Option<&'static FindingInfo> {
    FindingCode::ALL.iter().map(|code| code.info()).find(|info| info.code == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_finding_has_a_name_of_its_own_a_meaning_and_a_fix() {
        let names: BTreeSet<_> = FindingCode::ALL.iter().map(|code| code.info().code).collect();
        assert_eq!(names.len(), FindingCode::ALL.len());
        for code in FindingCode::ALL {
            let info = code.info();
            assert!(
                info.meaning.ends_with('.') && !info.fix.is_empty() && !info.fix.ends_with('.'),
                "{}",
                info.code
            );
            assert!([13, 14, 15, 17].contains(&info.stop.exit()));
        }
    }
}
