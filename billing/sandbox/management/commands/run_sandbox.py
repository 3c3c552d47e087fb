"""Which command opens the bank?"""

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.core.servers.basehttp import (
    ThreadedWSGIServer,
    WSGIRequestHandler,
    get_internal_wsgi_application,
)
from django.db import Error, close_old_connections

from billing.sandbox.postman import deliver_due
from medbook import clock

POLL_SECONDS = 0.3


class QuietHandler(WSGIRequestHandler):
    """Write no line for each request: addresses hold the payers' secrets."""

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


class Command(BaseCommand):
    """Serve until told to stop, on this machine only."""

    help = "Run the sandbox bank: its pages, its API and its notifications."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask for the port."""
        parser.add_argument("--port", type=int, default=8001)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve in threads; deliver notifications in this one."""
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, end)
        server = ThreadedWSGIServer(("127.0.0.1", options["port"]), QuietHandler)
        server.set_app(get_internal_wsgi_application())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while not stop.wait(POLL_SECONDS):
            try:
                deliver_due(clock.now())
            except Error:  # away for a while: what is due stays due
                close_old_connections()
        server.shutdown()
        server.server_close()
