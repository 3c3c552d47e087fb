"""How does a request leave the house, and how much of an answer is read?"""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from medbook import outgoing


class Echo(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.send_header("X-Said", self.headers["X-Say"])
        self.end_headers()
        self.wfile.write(f"{self.path} ".encode() + body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def url():
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/there?x=1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_sends_what_it_is_given_and_follows_no_redirect(url):
    answer = outgoing.send("PUT", url, b"words", {"X-Say": "hello"}, 5)

    assert (answer.status, answer.headers["x-said"]) == (302, "hello")
    assert answer.body == b"/there?x=1 words"


def test_reads_only_so_much(url, monkeypatch):
    monkeypatch.setattr(outgoing, "LONGEST_ANSWER", 6)

    assert outgoing.send("PUT", url, b"words", {"X-Say": "hello"}, 5).body == b"/there"
