//! `sgcr serve`: the demo page from a plain static server.

use super::output;
use anyhow::Context as _;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// What the page needs and no more: its own scripts and wasm; models may come from any https server or this machine.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; \
     connect-src 'self' https: http://localhost:* http://127.0.0.1:* blob:; img-src 'self' data: blob:; media-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves the demo page.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sgcr serve                      the built demo at http://127.0.0.1:8080/\n  sgcr serve --port 0             any free port\n  sgcr serve --folder site --host 0.0.0.0"
)]
pub struct ServeArgs {
    /// Folder to serve (the demo is built by `make demo`)
    #[arg(long, default_value = "www/dist")]
    folder: PathBuf,
    /// Address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Send COOP and COEP headers too (the page does not need them)
    #[arg(long)]
    isolate: bool,
}

/// Runs until Ctrl-C.
///
/// # Errors
/// No such folder, or the port is taken.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let index = args.folder.join("index.html");
    anyhow::ensure!(
        index.is_file(),
        "{} does not exist; build the page first (`make demo`) or give --folder",
        index.display()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener =
            tokio::net::TcpListener::bind(SocketAddr::new(args.host, args.port)).await.with_context(|| {
                format!("cannot listen on {}:{}; is another server running there? Try --port 0", args.host, args.port)
            })?;
        output::note(&format!("sgcr demo: http://{}/  (Ctrl-C ends it)", listener.local_addr()?));
        axum::serve(listener, router(args)).with_graceful_shutdown(interrupted()).await?;
        Ok(())
    })
}

async fn interrupted() {
    // Without a signal handler the server still ends with the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn router(args: &ServeArgs) -> Router {
    let mut headers = vec![
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    if args.isolate {
        headers.push((HeaderName::from_static("cross-origin-opener-policy"), "same-origin"));
        headers.push((HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"));
    }
    headers.into_iter().fold(Router::new().fallback_service(ServeDir::new(&args.folder)), |router, (name, value)| {
        router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)))
    })
}
