//! Servers that nobody here wrote, each a process on a free port, and what each says that it received.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{is_installed, missing_unless, poll, succeeds};

/// How long a server may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to write what it received to its log.
const LOGGED_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to end once it is told to.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// Python that can serve httpbin.
const HTTPBIN: &str = "import gunicorn, httpbin";

/// A server that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Of which `port` is the first.
    ports: Vec<u16>,
    folder: Folder,
}

/// Where a server has its files: `htdocs`, `log`, a certificate and its key.
#[derive(Debug)]
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        // A server that is started by root reads its files as somebody else.
        let open = fs::Permissions::from_mode(0o777);
        fs::create_dir(folder.path("htdocs")).expect("the folder can be written");
        fs::create_dir(folder.path("dav")).expect("the folder can be written");
        for name in ["", "htdocs", "dav"] {
            fs::set_permissions(folder.path(name), open.clone()).expect("it is ours");
        }
        folder.write("htdocs/hello.txt", b"hello");
        folder.write("htdocs/empty.txt", b"");
        folder.write("htdocs/words.html", "many words ".repeat(2000).as_bytes());
        let lines: String = (0..300_000).map(|number| format!("{number:09}\n")).collect();
        folder.write("htdocs/big.bin", lines.as_bytes());
        // Of the password `open sesame`, by `openssl passwd -apr1`.
        folder.write("users", b"ali:$apr1$rhaid000$Ih.vtHt0WD7XvSw7Tgoaw/\n");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("the folder can be written");
    }

    /// A certificate for this machine, its key, and the authority that signed it.
    fn certify(&self) {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is wrong");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = || KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let own = key();
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&own, &issuer).expect("a certificate");
        self.write("authority.pem", issuer.pem().as_bytes());
        self.write("certificate.pem", certificate.pem().as_bytes());
        self.write("key.pem", own.serialize_pem().as_bytes());
    }

    /// What is written in `text`, with `@FOLDER@` and `@PORT0@`, `@PORT1@` and so on replaced.
    fn fill_in(&self, text: &str, ports: &[u16]) -> String {
        let mut text = text.replace("@FOLDER@", self.0.path().to_str().expect("text"));
        for (index, port) in ports.iter().enumerate() {
            text = text.replace(&format!("@PORT{index}@"), &port.to_string());
        }
        text
    }
}

impl Server {
    /// nginx on five ports: see `nginx.conf`.
    pub(super) fn nginx() -> Option<Self> {
        is_installed("nginx", "-v").then(|| {
            let folder = Folder::new();
            let ports = free_ports(5);
            let config = folder.fill_in(include_str!("nginx.conf"), &ports);
            folder.write("nginx.conf", config.as_bytes());
            folder.certify();
            let mut command = Command::new("nginx");
            command.arg("-p").arg(folder.0.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
            Self::start(command, folder, ports)
        })
    }

    /// Apache on four ports: see `apache.conf`.
    pub(super) fn apache() -> Option<Self> {
        is_installed("apache2", "-v").then(|| {
            let folder = Folder::new();
            let ports = free_ports(4);
            let config = folder.fill_in(include_str!("apache.conf"), &ports);
            folder.write("apache.conf", config.as_bytes());
            folder.write("htdocs/raw.asis", include_bytes!("raw.asis"));
            folder.certify();
            let mut command = Command::new("apache2");
            command.arg("-d").arg(folder.0.path()).args(["-f", "apache.conf", "-DFOREGROUND"]);
            Self::start(command, folder, ports)
        })
    }

    /// nghttpd, which speaks HTTP/2 and nothing else, on a port with TLS or without.
    pub(super) fn nghttpd(tls: bool) -> Option<Self> {
        is_installed("nghttpd", "--version").then(|| {
            let folder = Folder::new();
            folder.certify();
            let ports = free_ports(1);
            let mut command = Command::new("nghttpd");
            command.args(["-v", "--echo-upload", "--trailer", "x-sum: 1", "-d"]);
            command.arg(folder.path("htdocs"));
            command.args(if tls { &[][..] } else { &["--no-tls"] }).arg(ports[0].to_string());
            if tls {
                command.arg(folder.path("key.pem")).arg(folder.path("certificate.pem"));
            }
            command.stdout(File::create(folder.path("log")).expect("a log"));
            Self::start(command, folder, ports)
        })
    }

    /// httpbin by gunicorn, whose threads keep connections open.
    pub(super) fn httpbin() -> Option<Self> {
        let python = python_with_httpbin()?;
        let folder = Folder::new();
        let ports = free_ports(1);
        let mut command = Command::new(python);
        command.args(["-m", "gunicorn", "--worker-class", "gthread", "--threads", "16"]);
        command.args(["--log-level", "error", "--access-logfile", "log", "--no-control-socket"]);
        command.args(["--bind", &format!("127.0.0.1:{}", ports[0]), "httpbin:app"]);
        command.current_dir(folder.0.path());
        Some(Self::start(command, folder, ports))
    }

    fn start(mut command: Command, folder: Folder, ports: Vec<u16>) -> Self {
        let errors = folder.path("errors");
        command.stdin(Stdio::null()).stderr(File::create(&errors).expect("a log"));
        let child = command.spawn().expect("the server starts");
        let mut server = Self { child, ports, folder };
        for port in server.ports.clone() {
            let listens = || TcpStream::connect(("127.0.0.1", port)).ok();
            let is_ready = poll(READY_WITHIN, listens).is_some();
            let ended = server.child.try_wait().expect("the server is our child");
            let is_there = is_ready && ended.is_none();
            let said = read_lines(&errors);
            assert!(is_there, "{command:?} does not listen: {ended:?} {said:#?}");
        }
        server
    }

    pub(super) fn port(&self, index: usize) -> u16 {
        self.ports[index]
    }

    pub(super) fn authority(&self) -> String {
        self.folder.path("authority.pem").to_str().expect("text").to_owned()
    }

    /// Lines of the log that `is_wanted`, once there are `expected`: a server writes them after it has answered.
    pub(super) fn logged(&self, expected: u64, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let path = self.folder.path("log");
        let lines = || read_lines(&path).into_iter().filter(|line| is_wanted(line)).collect();
        let enough = || Some(lines()).filter(|lines: &Vec<String>| lines.len() as u64 >= expected);
        poll(LOGGED_WITHIN, enough).unwrap_or_else(lines)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A killed master would leave its workers behind; asked to end, it ends them.
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if poll(ENDS_WITHIN, || self.child.try_wait().ok().flatten()).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_lines(path: &Path) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Ports that are free now, all different.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("an address").port()).collect()
}

fn python_with_httpbin() -> Option<String> {
    let named = ["RHAID_HTTPBIN_PYTHON", "RHAID_PYTHON"].map(|name| std::env::var(name).ok());
    let mut candidates = named.into_iter().flatten().chain(["python3".to_owned()]);
    let found = candidates.find(|python| succeeds(Command::new(python).args(["-c", HTTPBIN])));
    let why = "no Python with the packages httpbin and gunicorn (see RHAID_HTTPBIN_PYTHON)";
    missing_unless(found.is_some(), why);
    found
}
