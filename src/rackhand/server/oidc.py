"""OpenID Connect: the authorization code flow with PKCE, state and nonce, as one provider's client.

Everything that belongs to one login follows from one secret in a cookie of the browser that began it: state, nonce and
code verifier. So nothing is stored here, any replica ends what another began, and a link from somebody else's login is
worth nothing. Authlib and joserfc check the ID token; requests go through the guarded client.
"""

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from rackhand.core.errors import NotAllowed, Refused
from rackhand.engine.access import Role
from rackhand.engine.identities import Identity
from rackhand.server.outbound import Allowed, Outbound
from rackhand.server.settings import Settings

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA", "RS384", "ES384", "PS384", "RS512", "ES512", "PS512")
"""Signatures with the provider's keys; never `none`, and never HMAC with a secret that others may know."""
KEPT_S = 600.0
LEEWAY_S = 60
_log = structlog.get_logger("rackhand.oidc")


@dataclass(frozen=True, slots=True)
class Login:
    """What one login is made of; `secret` is in the browser's cookie."""

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def __getattr__(self, name: str) -> str:
        if name not in ("state", "nonce", "verifier"):
            raise AttributeError(name)
        return hmac.new(self.secret.encode("utf-8", "surrogateescape"), name.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider says of itself, and when it was asked."""

    metadata: Mapping[str, Any]
    keys: KeySet
    asked_at: float


@dataclass(slots=True)
class Provider:
    """The provider of the settings."""

    settings: Settings
    clock: Callable[[], float] = time.time
    _known: _Known | None = None

    async def address(self, login: Login, redirect_uri: str) -> str:
        """Where the browser goes to log in."""
        known = await self._ask()
        query = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.oidc_scopes,
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": create_s256_code_challenge(login.verifier),
            "code_challenge_method": "S256",
        }
        target = str(known.metadata["authorization_endpoint"])
        return f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(query)}"

    async def identify(self, login: Login | None, answer: Mapping[str, str], redirect_uri: str) -> Identity:
        """Who came back from the provider with this query. NotAllowed if it is not the login that this browser began,
        or its answer does not hold, or nothing maps to a role; Refused if the provider does not answer."""
        if login is None or not hmac.compare_digest(login.state.encode(), answer.get("state", "").encode()):
            raise NotAllowed(
                "this login was not begun in this browser, or took too long; nobody was logged in: begin again",
                code="oidc",
            )
        if answer.get("iss", self.settings.oidc_issuer) != self.settings.oidc_issuer or not answer.get("code"):
            _log.warning("the provider refused a login", error=answer.get("error", "")[:200])
            raise NotAllowed(
                "the provider did not let you in; nobody was logged in: try again or ask an administrator",
                code="oidc",
            )
        tokens = await self._redeem(answer["code"], login, redirect_uri)
        return self._identity(await self._claims(tokens, login))

    async def _redeem(self, code: str, login: Login, redirect_uri: str) -> dict[str, Any]:
        known = await self._ask()
        client_id, secret = self.settings.oidc_client_id, self.settings.oidc_client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": login.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if secret and "client_secret_basic" in known.metadata.get("token_endpoint_auth_methods_supported", _BASIC):
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        body = urlencode(form).encode()
        return await self._fetch(str(known.metadata["token_endpoint"]), method="POST", body=body, headers=headers)

    async def _claims(self, tokens: Mapping[str, Any], login: Login) -> CodeIDToken:
        """The checked claims; keys are asked for once more if none of those known fits: a provider changes them."""
        for is_last in (False, True):
            try:
                return self._check(tokens, login, (await self._ask(is_fresh=is_last)).keys)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                if is_last:
                    _log.warning("an ID token does not hold", reason=f"{type(error).__name__}: {error}")
                    raise NotAllowed(
                        "what the provider said of you does not hold; nobody was logged in: ask an administrator",
                        code="oidc",
                    ) from error
        raise AssertionError  # pragma: no cover

    def _check(self, tokens: Mapping[str, Any], login: Login, keys: KeySet) -> CodeIDToken:
        token = jwt.decode(str(tokens["id_token"]), keys, algorithms=ALGORITHMS)
        client_id, issuer = self.settings.oidc_client_id, self.settings.oidc_issuer
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
            params={"nonce": login.nonce, "client_id": client_id, "access_token": tokens.get("access_token")},
        )
        claims.validate(now=int(self.clock()), leeway=LEEWAY_S)
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        email, domains = str(claims.get("email", "")), self.settings.oidc_domains
        if domains and not (claims.get("email_verified") is True and email.rpartition("@")[2].lower() in domains):
            raise NotAllowed(
                "your e-mail address is of no domain that may log in here; nobody was logged in",
                code="oidc",
            )
        role = role_of(claims, self.settings.oidc_role_claim, self.settings.oidc_roles)
        if role is None:
            raise NotAllowed(
                "nothing that the provider says of you gives you a role here; nobody was logged in",
                code="oidc",
            )
        name = claims.get("preferred_username") or claims.get("name") or email or claims["sub"]
        return Identity(self.settings.oidc_issuer, str(claims["sub"]), str(name), role)

    async def _ask(self, *, is_fresh: bool = False) -> _Known:
        if self._known is None or is_fresh or self.clock() - self._known.asked_at > KEPT_S:
            issuer = self.settings.oidc_issuer
            metadata = await self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if metadata.get("issuer") != issuer:
                raise NotAllowed(
                    "the provider calls itself by another address than the setting oidc_issuer",
                    code="oidc",
                )
            keys = await self._fetch(str(metadata.get("jwks_uri")))
            self._known = _Known(metadata, KeySet.import_key_set(keys), self.clock())  # type: ignore[arg-type]
        return self._known

    async def _fetch(self, url: str, **request: Any) -> dict[str, Any]:
        """A JSON object, from the provider's own host or a public one."""
        own = urlsplit(self.settings.oidc_issuer).hostname or ""
        client = Outbound(Allowed.of((own, *self.settings.outbound_allow)))
        fetched = await client.fetch(url, redirects=0, **request)
        try:
            answer = json.loads(fetched.body)
        except ValueError:
            answer = None
        if fetched.status != 200 or not isinstance(answer, dict):
            _log.warning("the provider answered with an error", url=url, status=fetched.status)
            raise Refused("the provider answered {status}; nobody was logged in", status=fetched.status, code="oidc")
        return answer


_BASIC = ("client_secret_basic",)


def role_of(claims: Mapping[str, Any], claim: str, pairs: tuple[str, ...]) -> Role | None:
    """The highest role that a value of the claim is mapped to; None, and no entry, without any."""
    value: Any = claims
    for key in claim.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    values = {value} if isinstance(value, str) else set(filter(lambda each: isinstance(each, str), value or ()))
    mapped = [Role(pair.rpartition("=")[2]) for pair in pairs if pair.rpartition("=")[0] in values]
    return max(mapped, key=list(Role).index, default=None)
