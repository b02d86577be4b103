//! Names of scripts that could lead out of their folder.

use super::*;

/// Paths that are no names of scripts here.
const FORMS: [&str; 30] = [
    "../secret.rhai",
    "../../secret.rhai",
    "../scripts/a.rhai",
    "./a.rhai",
    "a/../a.rhai",
    "/etc/passwd",
    "/etc/passwd.rhai",
    "//a.rhai",
    "..\\secret.rhai",
    "\\a.rhai",
    "C:\\a.rhai",
    "a.rhai/",
    "a.rhai/.",
    "..",
    ".",
    "...rhai",
    ".rhai",
    ".a.rhai",
    "a.rhai\0",
    "a\0.rhai",
    "a.rhai\0.txt",
    "a.rhai\n",
    "a\r\nb.rhai",
    " a.rhai",
    "a.rhai ",
    "a.rhai:stream",
    "~/a.rhai",
    "$HOME.rhai",
    "ａ.rhai",
    "link.rhai",
];

/// The ways to write a path into a URL.
fn written(form: &str) -> Vec<String> {
    let hex = |form: &str, encodes: fn(u8) -> bool, upper: bool| -> String {
        let byte = |byte: u8| match (encodes(byte), upper) {
            (true, true) => format!("%{byte:02X}"),
            (true, false) => format!("%{byte:02x}"),
            (false, _) => char::from(byte).to_string(),
        };
        form.bytes().map(byte).collect()
    };
    let is_special = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'.';
    let special = hex(form, is_special, true);
    vec![
        form.to_owned(),
        special.clone(),
        hex(form, |_| true, true),
        hex(form, |_| true, false),
        // Twice, for those who decode twice.
        special.replace('%', "%25"),
        // Slashes and dots in encodings that UTF-8 forbids.
        form.replace('/', "%c0%af"),
        form.replace('.', "%c0%ae"),
        form.replace('/', "%ef%bc%8f"),
    ]
}

/// What lies in the folder of scripts and beside it.
fn files(server: &Server) -> Vec<(String, Option<String>)> {
    let mut files = Vec::new();
    for folder in [server.folder.path().to_owned(), server.folder.path().join("scripts")] {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let content = std::fs::read_to_string(entry.path()).ok();
            files.push((entry.path().display().to_string(), content));
        }
    }
    files.sort();
    files
}

#[tokio::test(start_paused = true)]
async fn no_form_of_a_path_leads_out_of_the_script_folder() {
    let server = Server::new();
    let before = files(&server);
    let body = json!({ "text": "fn journey(user) {}" }).to_string();
    let forms: Vec<String> = FORMS.iter().flat_map(|form| written(form)).collect();
    let mut tried = 0;
    for form in &forms {
        // A form that decodes to a plain name is one.
        let uri = format!("/api/scripts/{form}");
        if uri.parse::<http::Uri>().is_err() || form == "a.rhai" {
            continue;
        }
        tried += 1;
        for (method, body) in [("GET", ""), ("PUT", body.as_str())] {
            let answer = server.ask(method, &uri, body).await;
            let status = answer.status().as_u16();
            assert!((400..500).contains(&status), "{method} {uri}: {status}");
            assert!(!text(answer).await.contains("canary"), "{uri}");
        }
    }
    assert!(tried >= 100, "{tried}");
    for form in FORMS {
        let body = json!({ "test_type": "load", "script": form }).to_string();
        let status = server.ask("POST", "/api/tests/start", &body).await.status().as_u16();
        assert!([400, 404].contains(&status), "{form}: {status}");
    }
    assert_eq!(files(&server), before);
    assert_eq!(server.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_one_by_its_letters_and_its_end() {
    let server = Server::new();
    let body = json!({ "text": "fn journey(user) {}" }).to_string();
    let longest = format!("{}.rhai", "a".repeat(59));
    for name in ["b.rhai", "B-1_2.v3.rhai", "%62.rhai", longest.as_str()] {
        let uri = format!("/api/scripts/{name}");
        assert_eq!(server.ask("PUT", &uri, &body).await.status(), 200, "{name}");
        assert_eq!(server.ask("GET", &uri, "").await.status(), 200, "{name}");
    }
    let longer = format!("a{longest}");
    for name in ["b", "b.txt", "b.RHAI", "b.rhai.txt", "b.rhai~", "é.rhai", longer.as_str()] {
        let uri = format!("/api/scripts/{}", name.replace('é', "%c3%a9"));
        assert_eq!(server.ask("PUT", &uri, &body).await.status(), 400, "{name}");
    }
    let listed = text(server.ask("GET", "/api/scripts", "").await).await;
    assert!(listed.contains("B-1_2.v3.rhai") && !listed.contains("link.rhai"), "{listed}");
}
