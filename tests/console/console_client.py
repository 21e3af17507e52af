"""The console without a browser: pages as text, forms with their proof, cookies kept."""

import re
from urllib.parse import urlencode

from raw_http import Answer, Client

SEEN, HIDDEN = "seen_a", "hidn_a"
"""Two datasets of the lake with access control: names of one length, of which a reader sees one."""
BOUNDARY = "----a-boundary-that-no-file-has"


class Browsing:
    """A client that keeps cookies and sends forms, as a browser does."""

    def __init__(self, port: int) -> None:
        self._client = Client(port)
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Answer:
        """A page."""
        return self._keep(self._client.ask("GET", path, headers=self._headers(headers)))

    def post(self, path: str, fields: dict[str, str], proof: str | None = None) -> Answer:
        """Send a form, with the proof of the page that was shown last."""
        sent = fields if proof is None else {**fields, "form_token": proof}
        headers = self._headers({"Content-Type": "application/x-www-form-urlencoded"})
        return self._keep(self._client.ask("POST", path, urlencode(sent), headers))

    def post_files(
        self, path: str, fields: dict[str, str], files: list[tuple[str, str]], proof: str = ""
    ) -> Answer:
        """Send a form with files, (name, content) each."""
        parts = [(f'name="{name}"', text) for name, text in {"form_token": proof, **fields}.items()]
        parts += [(f'name="file"; filename="{name}"', text) for name, text in files]
        body = "".join(
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n"
            for head, text in parts
        )
        headers = self._headers({"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
        return self._keep(self._client.ask("POST", path, f"{body}--{BOUNDARY}--\r\n", headers))

    def sign_in(self, token: str, next_: str = "") -> Answer:
        """Exchange a token for a session."""
        page = self.get("/console/sign-in")
        return self.post("/console/sign-in", {"token": token, "next": next_}, proof_in(page))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        pairs = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return more | ({"Cookie": pairs} if pairs else {})

    def _keep(self, answer: Answer) -> Answer:
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            if value in ("", '""'):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer


def proof_in(page: Answer) -> str:
    """The proof in the first form of a page."""
    found = re.search(rb'name="form_token" value="([0-9a-f]+)"', page.body)
    assert found, page
    return found[1].decode()
