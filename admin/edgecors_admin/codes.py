"""The registry of finding codes: every code that the library, the linter or the guard reports, with its meaning.

Codes are stable words for programs: a code is never renamed, and never gets another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

LIBRARY_CODES: Mapping[str, str] = {
    "bad-glob": "a host or path is not a valid glob, or is one that can never match",
    "bad-list-name": "the name after the @ is not a valid list name",
    "duplicate-field": "an object has the same field twice",
    "empty": "a list is empty where at least one item is required",
    "expose-wildcard-with-credentials": "expose_headers is * with credentials, where browsers read * as a plain name",
    "extension-wildcard-with-credentials": "a wildcard over browser extensions with credentials",
    "forbidden-header": "pages can never send, or never read, this header",
    "forbidden-method": "browsers never send this method",
    "grants-beside-fields": "a rule has both grants and a field that belongs in a grant",
    "insecure-origin": "an http origin that is not loopback with credentials",
    "invalid-json": "the document starts like JSON but is not valid JSON",
    "list-missing": "the policy uses a list that does not exist",
    "missing-field": "a required field is missing",
    "more-findings": "there are more findings than are listed",
    "not-a-token": "a method or header name has a character that such names can't have",
    "not-in-a-list": "a list has * or the name of another list as an entry",
    "null-with-credentials": "null with credentials",
    "origin-bad-host": "the host is not a name, IPv4 or IPv6 address in the spelling that browsers send",
    "origin-bad-port": "the port is not a number from 1 to 65535, and not *",
    "origin-bad-scheme": "the text before :// is not a valid scheme",
    "origin-bad-wildcard": "a * is where wildcards are not allowed",
    "origin-file-scheme": "a file URL, whose origin is opaque",
    "origin-has-path": "a path, query or fragment follows the origin",
    "origin-has-userinfo": "a user name is before the host",
    "origin-no-scheme": "the scheme and :// are missing",
    "origin-not-ascii": "an internationalised name is not in Punycode, or has a look-alike letter",
    "origin-too-long": "the entry is longer than any origin",
    "out-of-range": "a number is too small or too large",
    "repaired-blanks": "white space around an entry was removed",
    "repaired-case": "upper-case letters were made lower case",
    "repaired-default-port": "the scheme's default port was removed",
    "repaired-trailing-slash": "a trailing slash was removed",
    "too-large": "the value exceeds a limit of Parameter Store or of edgecors",
    "unknown-field": "there is no field of this name",
    "unknown-value": "the value is not one of the field's values",
    "unknown-version": "this version of edgecors does not support the document's version",
    "unreadable": "the value after gz: can't be unpacked",
    "wildcard-not-alone": "* is combined with other entries",
    "wildcard-not-last": "a grant other than the last one has *",
    "wildcard-with-credentials": "* with credentials",
    "wrong-type": "the value does not have the field's type",
    "yaml-not-json": "the value is YAML, and Parameter Store holds plain lists or JSON",
}
"""Codes that reading a policy or a list can report."""

LINTER_CODES: Mapping[str, str] = {
    "public-suffix": "a wildcard over names that anybody can register",
    "insecure-origin": "an origin without encryption",
    "list-unreadable": "the policy uses a list that the caller can't decrypt",
    "null-origin": "null is allowed, an origin that any page can get with a sandboxed frame",
    "everyone": "a rule is open to every site",
    "allows-nobody": "a rule allows no origin at all",
    "nothing-readable": "no entry of the value can be read as an origin",
    "shadowed-rule": "an earlier rule matches everything that this rule matches",
    "covered-entry": "another entry allows the same already",
    "duplicate-entry": "an entry is listed twice",
    "missing-content-type": "POST, PUT or PATCH is allowed, and the header content-type is not",
    "origin-in-two-grants": "an origin is in two grants of a rule; the first one decides",
    "grants-overlap": "an earlier grant of the rule has a pattern that covers an entry",
    "shadowed-grant": "earlier grants of the rule have or cover every entry of this one",
    "max-age-over-ceiling": "browsers keep a preflight's answer for a shorter time",
    "needless-expose": "a response header that every page may read anyway",
    "method-case": "a method in a spelling that browsers do not send",
    "needless-tolerate": "tolerate names a safety error that does not occur",
    "block-without-effect": "on_refused: block where nobody is refused",
    "block-at-origin-events": "on_refused: block may not recognise same-origin requests at CloudFront's origin events",
    "hosts-at-origin-events": "hosts are known at CloudFront's origin events only if forwarded",
    "missing-version": "the document has no version",
    "large": "the value needs the advanced tier, or packing",
    "nearly-full": "the value is near Parameter Store's limit",
    "too-large": "the value does not fit a parameter, not even packed",
    "not-referenced": "a list that no policy uses",
    "widens-to-everyone": "a change opens a rule to every site",
}
"""Codes that the linter and the comparison of two policies report."""

FUNCTIONS_CODES: Mapping[str, str] = {
    "ignored-by-functions": "the setting has no effect in CloudFront Functions",
    "too-large-for-functions": "the policy is larger than CloudFront Functions and their KeyValueStore can hold",
}
"""Codes of compiling a policy for CloudFront Functions."""

GUARD_CODES: Mapping[str, str] = {
    "bad-site-name": "an alias is not a valid site name",
    "site-missing": "an alias names a site that does not exist",
    "unsafe-together": "an entry of a list is unsafe in a rule with credentials that uses the list",
}
"""Codes that only the guard reports, as only it looks at a whole account."""

IMPORT_CODES: Mapping[str, str] = {
    "import-no-origins": "no origin could be read from a part of the source, so no policy is made from it",
    "import-wildcard-with-credentials": "the source allows every origin with credentials, so no policy is made from it",
    "import-unresolved": "a variable or an intrinsic function whose value the source does not contain",
    "import-origin": "an origin that was left out",
    "import-value": "a value that was left out, because it could not be read or no policy can have it",
    "import-unread-key": "a key of the source that was not read",
    "import-narrower": "a place where the policy allows less than the source",
    "import-simple-requests": "a place where pages may read more responses than before, which no policy can prevent",
    "import-default": "a setting that the source leaves out and its platform fills in",
    "import-elsewhere": "a setting that has nothing to do with CORS and stays where it is",
    "import-not-permitted": "a service of the account that could not be read",
    "live-any-origin": "a live site allows every origin; the policy has only the origins that were probed",
    "live-any-method": "a live site allows every method; the policy has those that clients use",
    "live-any-header": "a live site allows every request header; the policy has those that clients send",
    "live-wildcard-with-credentials": "a live site answers * with credentials, which browsers refuse",
    "live-null-origin": "a live site allows null, an origin that any page can get with a sandboxed frame",
    "live-subdomains": "a live site allows every subdomain of an origin",
    "live-lookalike-origin": "a live site allows an origin that a stranger can register",
    "live-responses-without-headers": "a live site grants preflights, but its response has no CORS headers",
    "live-not-asked": "a part of a live site that is not in the recording",
}
"""Codes that only `edgecors import` reports; their locations are places of the source."""

CODES: Mapping[str, str] = {**LINTER_CODES, **FUNCTIONS_CODES, **GUARD_CODES, **IMPORT_CODES, **LIBRARY_CODES}
"""Every code with its meaning. Where the library and the linter share a code, this is the library's meaning."""
