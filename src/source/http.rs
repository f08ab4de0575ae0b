//! A folder on a web server, read by `fetch` with Range requests.

use super::Folder;
use super::javascript::{blob_range, blob_size, failed, settle};
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, Blob, Headers, Request, RequestInit, Response};

/// Files below a base address.
#[derive(Debug)]
pub struct HttpFolder {
    base: String,
    signal: Option<AbortSignal>,
    /// Whole bodies of files whose server ignores Range: fetched once, sliced from then on. A Blob, because the browser
    /// may keep it outside of the module's memory.
    whole: RefCell<BTreeMap<String, Blob>>,
}

impl HttpFolder {
    /// The folder at an address, with or without a slash at its end; an aborted `signal` ends every request with
    /// [`Error::Aborted`].
    #[must_use]
    pub fn new(base: impl Into<String>, signal: Option<AbortSignal>) -> Self {
        let mut base = base.into();
        if !base.ends_with('/') {
            base.push('/');
        }
        Self { base, signal, whole: RefCell::default() }
    }

    fn url(&self, file: &str) -> String {
        format!("{}{file}", self.base)
    }

    async fn fetch(&self, method: &str, url: &str, range: Option<(u64, u64)>) -> Result<Response> {
        let about = |error: JsValue| failed(&error, url);
        let options = RequestInit::new();
        options.set_method(method);
        options.set_signal(self.signal.as_ref());
        if let Some((begin, end)) = range {
            let headers = Headers::new().map_err(about)?;
            // HTTP names the last byte, not the one after it.
            headers.set("Range", &format!("bytes={begin}-{}", end.saturating_sub(1))).map_err(about)?;
            options.set_headers(&headers);
        }
        let request = Request::new_with_str_and_init(url, &options).map_err(about)?;
        // Taken from the global object: the same name in a page, a worker and Node.
        let fetch = js_sys::Reflect::get(&js_sys::global(), &"fetch".into()).map_err(about)?;
        let promise = fetch.unchecked_into::<js_sys::Function>().call1(&JsValue::UNDEFINED, &request).map_err(about)?;
        Ok(settle(promise.unchecked_into(), url).await?.unchecked_into())
    }

    /// Refuses error statuses, and the HTML page that single-page servers send for a file they do not have.
    fn accept(response: &Response, url: &str) -> Result<()> {
        let refuse = |reason: String| Err(Error::Fetch { url: url.to_owned(), reason });
        if !response.ok() {
            return refuse(format!("status {} {}", response.status(), response.status_text()));
        }
        if is_html(response) {
            return refuse(format!("status {}, but the answer is an HTML page, not this file", response.status()));
        }
        Ok(())
    }

    async fn whole(&self, file: &str, response: &Response) -> Result<Blob> {
        let url = self.url(file);
        let promise = response.blob().map_err(|error| failed(&error, &url))?;
        let blob: Blob = settle(promise, &url).await?.unchecked_into();
        self.whole.borrow_mut().insert(file.to_owned(), blob.clone());
        Ok(blob)
    }

    fn kept(&self, file: &str) -> Option<Blob> {
        self.whole.borrow().get(file).cloned()
    }
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get("content-type").ok().flatten();
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

impl Folder for HttpFolder {
    fn name(&self) -> String {
        self.base.trim_end_matches('/').to_owned()
    }

    async fn has(&self, file: &str) -> Result<bool> {
        let url = self.url(file);
        let response = self.fetch("HEAD", &url, None).await?;
        match response.status() {
            // 403 is what object stores answer for a missing file to those who may not list.
            403 | 404 | 410 => Ok(false),
            _ if response.ok() => Ok(!is_html(&response)),
            _ => Self::accept(&response, &url).map(|()| false),
        }
    }

    async fn size(&self, file: &str) -> Result<u64> {
        if let Some(blob) = self.kept(file) {
            return Ok(blob_size(&blob));
        }
        let url = self.url(file);
        let response = self.fetch("HEAD", &url, None).await?;
        Self::accept(&response, &url)?;
        let header = |name| response.headers().get(name).ok().flatten();
        // A compressed answer's length is not the file's.
        let length = header("content-length").filter(|_| header("content-encoding").is_none());
        match length.and_then(|length| length.parse().ok()) {
            Some(length) => Ok(length),
            None => {
                let response = self.fetch("GET", &url, None).await?;
                Self::accept(&response, &url)?;
                Ok(blob_size(&self.whole(file, &response).await?))
            }
        }
    }

    async fn range(&self, file: &str, begin: u64, end: u64) -> Result<Vec<u8>> {
        let url = self.url(file);
        if let Some(blob) = self.kept(file) {
            return blob_range(&blob, begin, end, &url).await;
        }
        if begin >= end {
            return if begin == end { Ok(Vec::new()) } else { Err(super::too_short(&url, begin, end, 0)) };
        }
        let response = self.fetch("GET", &url, Some((begin, end))).await?;
        if response.status() == 416 {
            return Err(super::too_short(&url, begin, end, self.size(file).await?));
        }
        Self::accept(&response, &url)?;
        if response.status() != 206 {
            let blob = self.whole(file, &response).await?;
            return blob_range(&blob, begin, end, &url).await;
        }
        let promise = response.array_buffer().map_err(|error| failed(&error, &url))?;
        let bytes = js_sys::Uint8Array::new(&settle(promise, &url).await?).to_vec();
        if bytes.len() as u64 != end - begin {
            return Err(super::too_short(&url, begin, end, begin + bytes.len() as u64));
        }
        Ok(bytes)
    }

    async fn bytes(&self, file: &str) -> Result<Vec<u8>> {
        let url = self.url(file);
        if let Some(blob) = self.kept(file) {
            return blob_range(&blob, 0, blob_size(&blob), &url).await;
        }
        let response = self.fetch("GET", &url, None).await?;
        Self::accept(&response, &url)?;
        let promise = response.array_buffer().map_err(|error| failed(&error, &url))?;
        Ok(js_sys::Uint8Array::new(&settle(promise, &url).await?).to_vec())
    }
}
