"""A signature with the time stamp of an RFC 3161 authority: openssl's own, on the loopback interface."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("c2pa", reason="c2pa-python is not installed (make setup): nothing can be signed")
pytest.importorskip("cryptography", reason="cryptography is not installed (make setup): no development chain")

from faceswap_client.images.verification import verify_image
from faceswap_core.provenance.c2pa.development_chain import new_development_chain
from faceswap_core.provenance.c2pa.signing import ManifestSigner

SETTINGS = """
[req]
distinguished_name = name
prompt = no
[name]
O = a time-stamp authority of the tests
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamper]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
[authority]
serial = serial
signer_cert = stamper.pem
certs = root.pem
signer_key = stamper.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bytes]]:
    """Address of the authority, and its root certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed (Debian and Ubuntu: apt-get install openssl)")
    folder: Path = tmp_path_factory.mktemp("authority")
    (folder / "settings").write_text(SETTINGS)
    (folder / "serial").write_text("01")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-config", "settings", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-x509")
    run(*new, "-extensions", "root", "-keyout", "root.key", "-out", "root.pem")
    run(*new, "-extensions", "stamper", "-subj", "/O=tests/CN=stamper", "-CA", "root.pem", "-CAkey", "root.key",
        "-keyout", "stamper.key", "-out", "stamper.pem")  # fmt: skip

    class Authority(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["content-length"])))
            run("ts", "-reply", "-config", "settings", "-section", "authority", "-queryfile", "query", "-out", "reply")
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write((folder / "reply").read_bytes())

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on standard error."""

    with HTTPServer(("127.0.0.1", 0), Authority) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", (folder / "root.pem").read_bytes()
        server.shutdown()


def test_the_time_is_read_back_and_trusted_only_under_the_authoritys_root(
    authority: tuple[str, bytes], encode: Any
) -> None:
    address, root = authority
    chain = new_development_chain()
    signer = ManifestSigner(chain.chain_pem, chain.key_pem, time_stamp_authority=address)
    signer.check()
    image = encode("jpeg")
    result = signer.sign(image, "jpeg", image, "jpeg", ["jpeg"])
    assert len(result) - len(image) < 15_000
    claimed = verify_image(result, chain.root_pem)
    assert (claimed.c2pa_state, claimed.time_trusted) == ("trusted", False)
    assert claimed.signed_at is not None
    assert claimed.signed_at.startswith("20")
    assert verify_image(result, chain.root_pem + root).time_trusted
