//! Certificates for servers of tests, made with openssl.

use std::{fs, path::Path, process::Command};

/// Makes a certificate for 127.0.0.1 in `directory`, `server.pem` with `server.key`, and the authority that signed it,
/// `ca.pem`. Call [`needs`](crate::needs)`(Tool::OpenSsl)` before.
///
/// # Panics
/// If openssl fails, with what it says.
pub fn make_certificates(directory: &Path) {
    let extensions = "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    fs::write(directory.join("extensions"), extensions).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {new_key} -keyout ca.key -out ca.pem -subj /CN=ours -days 2"),
        format!("req {new_key} -keyout server.key -out server.csr -subj /CN=server"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 1 -extfile extensions"
            .to_owned(),
    ] {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(directory)
            .output()
            .unwrap_or_else(|e| panic!("openssl cannot be run: {e}"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}
