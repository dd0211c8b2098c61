//! A real web server: nginx on one host of the lab, without a privilege and with all of its files
//! in a directory of its own.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::lab::{Connection, Namespace, wait_until};

pub const PORT: u16 = 80;

/// nginx at work.
pub struct Nginx {
    directory: PathBuf,
    process: Child,
}

impl Nginx {
    /// Serves files of these sizes, each at its size in bytes: `/100000`. `name` is that of the
    /// test.
    pub fn serve(host: &Namespace, name: &str, sizes: &[u64]) -> Nginx {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{name}"));
        let files = directory.join("files");
        fs::create_dir_all(&files).expect("a directory");
        for size in sizes {
            let file = File::create(files.join(size.to_string())).expect("a file");
            file.set_len(*size).expect("a file without blocks");
        }
        let path = directory.display();
        let errors = format!("{path}/error.log");
        let configuration = directory.join("nginx.conf");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {path}/{what};\n"))
            .concat();
        fs::write(
            &configuration,
            format!(
                "daemon off; master_process off; pid {path}/pid; error_log {errors};
                 events {{}}
                 http {{
                    access_log off; keepalive_timeout 60s; sendfile on; {temporary}
                    server {{ listen {PORT}; listen [::]:{PORT}; root {path}/files; }}
                 }}"
            ),
        )
        .expect("its configuration");
        let mut command = Command::new("nginx");
        command.arg("-e").arg(&errors).arg("-c").arg(&configuration);
        let process = host.spawn(command.stdin(Stdio::null()));
        let nginx = Nginx { directory, process };
        wait_until("nginx listens", || {
            let sockets = host.tcp_sockets().into_iter();
            let listening = sockets.filter(|socket| socket.state == "LISTEN").count();
            (listening == 2).then_some(())
        });
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.kill().expect("nginx at work");
        self.process.wait().expect("the end of nginx");
        fs::remove_dir_all(&self.directory).expect("its directory");
    }
}

/// How many bytes the whole answer has, its header and the body of as many bytes as it says.
pub fn length_of_answer(client: &Namespace, host: IpAddr, request: &str) -> u64 {
    let mut connection = client.connect(SocketAddr::new(host, PORT));
    connection.write(request.as_bytes());
    let header = read_header(&mut connection);
    assert!(header.starts_with("HTTP/1.1 200 "), "{header}");
    let length = header
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.and_then(|length| length.parse::<u64>().ok());
    header.len() as u64 + length.unwrap_or_else(|| panic!("no length: {header}"))
}

fn read_header(connection: &mut Connection) -> String {
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        header.extend(connection.read(1));
    }
    String::from_utf8(header).expect("text")
}
