"""What do members agree to, in which version of the text, and what may they take back?"""

from members.choices import ConsentPurpose

# A changed text has a new version, and asks again. Source: the texts on the consent pages.
VERSIONS: dict[ConsentPurpose, str] = {
    ConsentPurpose.TERMS: "2026-11",
    ConsentPurpose.SENSITIVE_DATA: "2026-11",
    ConsentPurpose.NEWS: "2026-11",
}


def is_present(purpose: ConsentPurpose, version: str) -> bool:
    """Tell whether a version is the one that is asked for now."""
    return VERSIONS[purpose] == version


def may_withdraw(purpose: ConsentPurpose) -> bool:
    """Tell whether a purpose can be taken back while the account goes on.

    Source: PIPL article 15, withdrawal at any time; without terms there is no account, so these
    end with it.
    """
    return purpose != ConsentPurpose.TERMS
