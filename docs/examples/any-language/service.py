from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"Orders of {unquote(self.headers['X-Auth-User'])}\n".encode())
    do_POST = do_GET

ThreadingHTTPServer(("127.0.0.1", 9000), Orders).serve_forever()
