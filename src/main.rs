//! The `sgcr` program: a thin door over [`sgcr::cli`].

fn main() -> std::process::ExitCode {
    sgcr::cli::run()
}
