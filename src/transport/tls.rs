//! TLS settings, made once a process and shared by all virtual users.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, KeyLog, NamedGroup, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::connect_watch::{self, Mark};
use super::options::{HttpVersion, TransportError, TransportOptions};

/// TLS sessions one virtual user remembers, counted in server names. A person's device talks to few
/// at a time.
const SESSIONS_PER_VU: usize = 8;

/// The TLS settings of a run. The system's certificates are read when they are first needed.
#[derive(Debug)]
pub(super) struct Tls {
    extra_roots: Vec<CertificateDer<'static>>,
    insecure: bool,
    alpn: Vec<Vec<u8>>,
    provider: Arc<CryptoProvider>,
    full: OnceLock<ClientConfig>,
}

impl Tls {
    /// Reads the CA file, if there is one; the system's certificates wait.
    ///
    /// # Errors
    ///
    /// [`TransportError::CaFile`] or [`TransportError::NoCertificate`] when the CA file is no use.
    pub(super) fn new(options: &TransportOptions) -> Result<Self, TransportError> {
        let alpn: &[&[u8]] = match options.http_version {
            HttpVersion::Auto => &[b"h2", b"http/1.1"],
            HttpVersion::Http1 => &[b"http/1.1"],
            HttpVersion::Http2 => &[b"h2"],
        };
        Ok(Self {
            extra_roots: options
                .ca_file
                .as_deref()
                .map(read_ca_file)
                .transpose()?
                .unwrap_or_default(),
            insecure: options.insecure,
            alpn: alpn.iter().map(|protocol| protocol.to_vec()).collect(),
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            full: OnceLock::new(),
        })
    }

    /// Settings that trust nobody, for clients that will only ever speak plain HTTP. Reads no file.
    pub(super) fn plain(&self) -> ClientConfig {
        self.build(RootCertStore::empty())
    }

    /// Settings for one virtual user: trust is shared, remembered TLS sessions are its own, as on a
    /// device of its own.
    ///
    /// The first call in a process reads the system's certificates, which takes some milliseconds.
    pub(super) fn for_virtual_user(&self) -> ClientConfig {
        let mut config = self.shared().clone();
        config.resumption = Resumption::store(Arc::new(MarkingStore::default()));
        config
    }

    /// The settings all virtual users share, built on the first call.
    pub(super) fn shared(&self) -> &ClientConfig {
        self.full.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            if !self.insecure {
                add_system_roots(&mut roots);
                roots.add_parsable_certificates(self.extra_roots.iter().cloned());
            }
            self.build(roots)
        })
    }

    fn build(&self, roots: RootCertStore) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        if self.insecure {
            let verifier = AcceptAnyCertificate { provider: Arc::clone(&self.provider) };
            config.dangerous().set_certificate_verifier(Arc::new(verifier));
        }
        config.alpn_protocols.clone_from(&self.alpn);
        config.key_log = Arc::new(HandshakeEnd);
        config.resumption = Resumption::disabled();
        config
    }
}

/// The system's certificates, or Mozilla's list where the system has none (a bare container).
fn add_system_roots(roots: &mut RootCertStore) {
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
}

fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| TransportError::CaFile {
        path: path.to_owned(),
        source: error,
    };
    let pem = std::fs::read(path).map_err(|error| unreadable(error.into()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(error.into()))?;
    if certificates.is_empty() {
        return Err(TransportError::NoCertificate { path: path.to_owned() });
    }
    let mut probe = RootCertStore::empty();
    for certificate in &certificates {
        probe.add(certificate.clone()).map_err(|error| unreadable(error.into()))?;
    }
    Ok(certificates)
}

/// The verifier behind `insecure`: accepts every certificate for every name, and checks no
/// signature.
///
/// For targets with test certificates. Anyone on the path can read and change such traffic.
#[derive(Debug)]
struct AcceptAnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A session store that also marks the start of a handshake: rustls asks for the key exchange hint
/// first of all.
///
/// The memory is taken at the first handshake, since most virtual users are many and some never get
/// to one.
#[derive(Debug, Default)]
struct MarkingStore {
    sessions: OnceLock<ClientSessionMemoryCache>,
}

impl MarkingStore {
    fn sessions(&self) -> &ClientSessionMemoryCache {
        self.sessions.get_or_init(|| ClientSessionMemoryCache::new(SESSIONS_PER_VU))
    }
}

impl ClientSessionStore for MarkingStore {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.sessions().set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        connect_watch::leave(Mark::TlsStarted);
        self.sessions().kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.sessions().set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.sessions().tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.sessions().remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.sessions().insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.sessions().take_tls13_ticket(server_name)
    }
}

/// A key log that keeps no key: that a traffic secret exists tells that the handshake is over on
/// our side.
#[derive(Debug)]
struct HandshakeEnd;

impl KeyLog for HandshakeEnd {
    fn log(&self, _label: &str, _client_random: &[u8], _secret: &[u8]) {
        connect_watch::leave(Mark::TlsEnded);
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, "CLIENT_TRAFFIC_SECRET_0" | "CLIENT_RANDOM")
    }
}
