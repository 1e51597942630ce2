"""TLS from end to end, with a certificate made here: the right authority and the right name, or no connection."""

import asyncio
import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable, tls_context
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings
from rackhand.cli.client import Client
from rackhand.cli.fake_process import Process
from rackhand.cli.outcome import Unreachable
from rackhand.core.errors import NotAuthenticated, RackhandError
from rackhand.server.main import check_tls
from rackhand.server.settings import SettingError, Settings

NAME = "rack.example"


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certify(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name | None, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A certificate for NAME and `localhost`, but not for 127.0.0.1; without an issuer an authority's own."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(NAME), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(by, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ca.pem`, another authority's `other.pem`, and the server's `cert.pem` and `key.pem`."""
    folder = tmp_path_factory.mktemp("tls")
    ca_key, other_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    ca = certify("the lab", ca_key, None, ca_key)
    written = {
        "ca.pem": ca,
        "other.pem": certify("somebody", other_key, None, other_key),
        "cert.pem": certify(NAME, key, ca.subject, ca_key),
    }
    for name, certificate in written.items():
        (folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(pem(key))
    (folder / "other-key.pem").write_bytes(pem(other_key))
    return folder


@pytest.fixture(scope="module")
def port(authority: Path) -> Iterator[int]:
    """A server with that certificate."""
    words = ["serve", "--port", "0", "--data", str(authority / "data")]
    words += ["--tls-cert", str(authority / "cert.pem"), "--tls-key", str(authority / "key.pem")]
    process = Process("tls", words, {}, authority)
    try:
        address = process.first_line().removeprefix("Ready ")
        assert address.startswith("https://127.0.0.1:")
        yield int(address.rpartition(":")[2])
    finally:
        process.close()


def pull(url: str, folder: Path, ca_file: Path | None, server_name: str = "") -> None:
    """What the agent does first."""
    settings = AgentSettings(url, "PC-01", "t", folder, ca_file=ca_file, server_name=server_name)

    async def call() -> None:
        async with ServerClient(settings, ServerTime()) as client:
            await client.post("/api/nodes/pull", b'{"node_id":"PC-01","wait_ms":0}', 10_000)

    asyncio.run(call())


def test_an_agent_talks_to_the_right_server(authority: Path, port: int, tmp_path: Path) -> None:
    for url, name in ((f"https://localhost:{port}", ""), (f"https://127.0.0.1:{port}", NAME)):
        with pytest.raises(ServerRefused, match="401"):
            pull(url, tmp_path, authority / "ca.pem", name)


@pytest.mark.parametrize(
    ("ca_file", "host", "name"),
    [
        (None, "localhost", ""),  # an authority that the system does not know
        ("other.pem", "localhost", ""),  # another authority
        ("ca.pem", "127.0.0.1", ""),  # an address that is not in the certificate
        ("ca.pem", "localhost", "elsewhere.example"),  # the name of another server
    ],
)
def test_an_agent_talks_to_no_other(
    authority: Path, port: int, tmp_path: Path, ca_file: str | None, host: str, name: str
) -> None:
    with pytest.raises(ServerUnreachable, match="certificate"):
        pull(f"https://{host}:{port}", tmp_path, None if ca_file is None else authority / ca_file, name)


def test_commands_verify_too(authority: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RACKHAND_CA_FILE", raising=False)
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Client(f"https://localhost:{port}", "t").get("/api/runs")
    monkeypatch.setenv("RACKHAND_CA_FILE", str(authority / "ca.pem"))
    client = Client(f"https://localhost:{port}", "t")

    with pytest.raises(NotAuthenticated):
        client.get("/api/runs")
    assert client.header("/healthz", "Strict-Transport-Security") == "max-age=31536000"


def test_files_that_do_not_fit_are_named_before_anything_starts(authority: Path) -> None:
    with pytest.raises(RackhandError, match=r"key\.pem"):
        tls_context(authority / "key.pem")
    with pytest.raises(SettingError, match="RACKHAND_TLS_CERT"):
        check_tls(Settings(tls_cert=str(authority / "cert.pem"), tls_key=str(authority / "other-key.pem")))
    with pytest.raises(SettingError, match="RACKHAND_TLS_CERT"):
        check_tls(Settings(tls_cert=str(authority / "none.pem"), tls_key=str(authority / "key.pem")))
