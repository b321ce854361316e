"""container/fetch_originals.py against an https server on loopback with a certificate of the test's own."""

from __future__ import annotations

import datetime
import io
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.paths import ROOT

SCRIPT = ROOT / "deploy" / "container" / "fetch_originals.py"
SIGNATURE = "signature=very-private"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Key and certificate files for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    plain = serialization.NoEncryption()
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


class Site:
    """What is served at any path."""

    def __init__(self, folder: Path) -> None:
        self.body = b""
        key, self.certificate = certificate(folder)
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if site.body else 404)
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, format: str, *arguments: object) -> None: ...

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.server_address[1]}/originals.zip?{SIGNATURE}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    yield running
    running.server.shutdown()
    running.server.server_close()


def fetch(site: Site, folder: Path, address: str | None = None) -> subprocess.CompletedProcess[str]:
    secret = folder / "secret"
    secret.write_text(f"{address or site.url}\n")
    target = folder / "originals"
    target.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, SCRIPT, secret, target],
        env={**os.environ, "SSL_CERT_FILE": str(site.certificate)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert SIGNATURE not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def test_networks_are_unpacked_flat_and_nothing_else(site: Site, tmp_path: Path) -> None:
    members = {"models/det_10g.onnx": b"one", "../../inswapper_128.onnx": b"two", "run.sh": b"three"}
    site.body = archive(**members)
    assert fetch(site, tmp_path).returncode == 0
    found = {path.name: path.read_bytes() for path in (tmp_path / "originals").iterdir()}
    assert found == {"det_10g.onnx": b"one", "inswapper_128.onnx": b"two"}
    assert not list(tmp_path.parent.glob("inswapper_128.onnx"))


def test_what_is_no_archive_and_what_is_not_there(site: Site, tmp_path: Path) -> None:
    done = fetch(site, tmp_path)
    assert (done.returncode, done.stderr) == (1, "the archive cannot be downloaded: HTTPError\n")
    site.body = b"<html>"
    done = fetch(site, tmp_path)
    assert (done.returncode, done.stderr) == (1, "what lies at the address is not a zip archive\n")


def test_only_https(site: Site, tmp_path: Path) -> None:
    for address in (site.url.replace("https", "http"), "file:///etc/passwd"):
        done = fetch(site, tmp_path, address)
        assert (done.returncode, done.stderr) == (1, "the secret originals_url is not an https address\n")
