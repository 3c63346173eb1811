"""Words by which paths and names of routes say who may call them: everybody, administrators, who holds a link."""

from __future__ import annotations

import re

PUBLIC = re.compile(
    r"(^|[\W_])(auth\w*|log_?in|log_?on|log_?out|sign_?(in|up|out|on)|register|registration|tokens?|"
    r"refresh|oauth\w*|oidc|sso|saml|"
    r"callback\w*|password\w*|passwd|forgot\w*|reset|recover\w*|verif\w*|confirm\w*|activat\w*|invit\w*|"
    r"magic|otp|totp|mfa|2fa|captcha|"
    r"web_?hooks?|hooks?|ipn|health\w*|ping|alive|public|guest|anonymous|demo|csp\w*|telemetry|consent|"
    r"newsletter|unsubscribe|waitlist|"
    r"graphql|rpc|mcp|proxy|internal|private|device_auth|onboard\w*|bootstrap)($|[\W_])",
    re.IGNORECASE,
)
"""Words that make a route public wherever they stand in its path or in the name of its handler."""
OPEN = re.compile(
    r"(^|[\W_])(log_?in|log_?out|sign_?(in|up|out)|health\w*|ping|alive|public|guest|anonymous|demo|csp\w*|telemetry|"
    r"newsletter|unsubscribe|waitlist|graphql|rpc|mcp|proxy|internal|private)($|[\W_])",
    re.IGNORECASE,
)
"""Those of them that say so of a row with a number as well: who may delete number 7 of the web hooks, these do not."""
KEPT = re.compile(r"(web_?hooks?|hooks?|invit\w*)", re.IGNORECASE)
"""Those that strangers come to, or follow, and that are made by somebody who is known."""
MANY = re.compile(r"(?<=\w)/(bulk|batch|many|multiple)/?\Z", re.IGNORECASE)
"""The end of a path at which many are made of what stands before."""
PLACES = re.compile(r"(public|guest|anonymous|demo|rpc|mcp|proxy|internal|private|onboard\w*|bootstrap)", re.IGNORECASE)
"""Those that speak of a part of the application, and not of what a route does: of what is below the same for all."""
HELD = re.compile(r"(activat\w*|confirm\w*|verif\w*|reset|recover\w*|invit\w*|onboard\w*)", re.IGNORECASE)
"""Those that strangers come to with something in hand: a link, a code, a token."""
PRIVILEGED = re.compile(
    r"(^|[\W_])(admins?|administrators?|super_?(?:user|admin)s?|super[-_](?:user|admin)s?|root|staff)($|[\W_])",
    re.IGNORECASE,
)
"""Words of what nobody may make himself: they void the words for everybody, but for those of signing in."""
SIGNS_IN = re.compile(
    r"(^|[\W_])(log_?in|log_?on|log_?out|sign_?(in|out|on)|tokens?|refresh|oauth\w*|oidc|sso|saml|callback\w*|password\w*|"
    r"passwd|forgot\w*|recover\w*|verif\w*|confirm\w*|magic|otp|totp|mfa|2fa|captcha|web_?hooks?|health\w*|ping|csp\w*|"
    r"graphql|rpc|mcp|proxy)($|[\W_])",
    re.IGNORECASE,
)
PUBLIC_END = re.compile(
    r"^(events?|notify|status|ready|metrics|open|report|track\w*|analytics|contact\w*|"
    r"subscribe|feedback|[\w-]{0,60}(?:inquir|enquir)(?:y|ies)|set_?up|install\w*|"
    r"init\w*|connect\w*|handshake|enroll\w*|test\w*|debug|dev|sessions?|applications?)$",
    re.IGNORECASE,
)
"""Words that make a route public as the last piece of its path."""
MADE = re.compile(
    r"(test|init|connect|install|track)\w*s|status(es)?|metrics|debug|dev|open|set_?ups?|handshakes?|notify",
    re.IGNORECASE,
)
"""Those of them that say nothing of strangers where a row of that name is made: `/initiatives`, `/tests`, `/tracks`."""
READS = re.compile(
    r"(^|[\W_])(search\w*|query|queries|filter\w*|find|look_?up|list|get|fetch|read|view|show|check\w*|"
    r"exists|validat\w*|preview|calculat\w*|"
    r"comput\w*|estimat\w*|compar\w*|count\w*|pars\w*|render|statistics|stats|facets?|suggest\w*|"
    r"autocomplete|export|download|"
    r"predict\w*|infer\w*|embed\w*|tokeni[sz]e|detokeni[sz]e|translate|convert|echo|explain|format|"
    r"similar\w*|point|part|bbox|feature)($|[\W_])",
    re.IGNORECASE,
)
SECRET = re.compile(r"token|secret|signature|nonce", re.IGNORECASE)
"""Words of what is a secret wherever it stands; a `{key}` or a `{code}` may be the name of a row."""
CAPABILITY = re.compile(
    r"{[^{}]{0,60}(token|secret|signature|hash|code|key|uuid|guid|nonce|slug)[^{}]{0,60}}", re.IGNORECASE
)
