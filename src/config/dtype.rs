//! Number types.

named_enum! {
    /// Number type of stored or computed tensors.
    Dtype("number type") {
        /// 32-bit floating point.
        F32 = "f32",
        /// 16-bit floating point (IEEE half).
        F16 = "f16",
    }
}
