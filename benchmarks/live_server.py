"""A camera for the benchmark of the live loop: thirty stamped frames a second, until it is killed.

    python benchmarks/live_server.py mjpeg 8080
    /usr/bin/python3 benchmarks/live_server.py rtsp 8554

The first serves http://127.0.0.1:8080/, as a cheap camera does. The second, of Debian's packages
python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-ugly, serves
rtsp://127.0.0.1:8554/camera in H.264. Both print a line once they listen.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import live_stamp

FPS = 30
BOUNDARY = "frame"


def main() -> None:
    kind, port = sys.argv[1], int(sys.argv[2])
    (serve_mjpeg if kind == "mjpeg" else serve_rtsp)(port)


def ticks() -> Iterator[None]:
    """Thirty times a second; what was missed is not caught up with."""
    due_s = time.monotonic()
    while True:
        due_s = max(due_s + 1 / FPS, time.monotonic())
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield


def serve_mjpeg(port: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", port), Mjpeg)
    server.daemon_threads = True
    print("listening", flush=True)
    server.serve_forever()


class Mjpeg(BaseHTTPRequestHandler):
    """One endless answer, a JPEG after the other; a viewer who does not read holds it up."""

    def do_GET(self) -> None:
        import cv2
        import numpy as np

        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        for _ in ticks():
            pixels = np.frombuffer(live_stamp.drawn(live_stamp.now_ms()), np.uint8)
            jpeg = cv2.imencode(".jpg", pixels.reshape(live_stamp.HEIGHT, live_stamp.WIDTH))[1]
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            )
            try:
                self.wfile.write(head.encode() + jpeg.tobytes() + b"\r\n")
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


def serve_rtsp(port: int) -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        "( appsrc name=camera is-live=true do-timestamp=true format=time caps=video/x-raw,"
        f"format=GRAY8,width={live_stamp.WIDTH},height={live_stamp.HEIGHT},framerate={FPS}/1 "
        "! videoconvert ! video/x-raw,format=I420 "
        f"! x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max={FPS} "
        "! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)

    def push(media: Any) -> None:
        camera = media.get_element().get_by_name_recurse_up("camera")
        for _ in ticks():
            pixels = live_stamp.drawn(live_stamp.now_ms())
            if camera.emit("push-buffer", Gst.Buffer.new_wrapped(pixels)) != Gst.FlowReturn.OK:
                return

    def start(_: Any, media: Any) -> None:
        threading.Thread(target=push, args=(media,), daemon=True).start()

    factory.connect("media-configure", start)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(port))
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    print("listening", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
