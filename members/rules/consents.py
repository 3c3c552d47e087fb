"""What do members agree to, and in which version of the text?"""

from members.choices import ConsentPurpose

# A changed text has a new version, and asks again. Source: the texts on the consent pages.
VERSIONS: dict[ConsentPurpose, str] = {
    ConsentPurpose.TERMS: "2026-11",
    ConsentPurpose.SENSITIVE_DATA: "2026-11",
    ConsentPurpose.NEWS: "2026-11",
}
