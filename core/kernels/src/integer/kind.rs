//! Which implementations there are, and which of them this machine can run.

/// An implementation that this machine can run.
///
/// ```
/// use noctule_kernels::integer::Kernel;
/// assert_eq!(Kernel::available().last().map(|kernel| kernel.name()), Some("portable"));
/// assert_eq!(Kernel::available()[0], Kernel::fastest());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Kind);

/// Only [`Kernel::available`] makes one, of a kind that it has detected: that is what the unsafe
/// calls of this room rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 and AVX-512 with its parts F, BW, VL and VNNI.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// NEON with dot products.
    #[cfg(target_arch = "aarch64")]
    DotProd,
    /// NEON with dot products and products of 2 x 8 by 8 x 2 codes.
    #[cfg(target_arch = "aarch64")]
    I8mm,
}

/// What a test or a measurement asks for instead of the fastest, in debug builds only.
#[cfg(debug_assertions)]
const ASKED: &str = "NOCTULE_KERNEL";

impl Kernel {
    /// The implementations that this machine can run, the fastest first and the portable one last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut kinds = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            let vnni = is_x86_feature_detected!("avx512vnni")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512f");
            if vnni {
                kinds.push(Kind::Vnni);
            }
            kinds.push(Kind::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                if std::arch::is_aarch64_feature_detected!("i8mm") {
                    kinds.push(Kind::I8mm);
                }
                kinds.push(Kind::DotProd);
            }
            kinds.push(Kind::Neon);
        }
        kinds.push(Kind::Portable);
        kinds.into_iter().map(Self).collect()
    }

    /// The fastest implementation that this machine can run.
    ///
    /// In debug builds the one that `NOCTULE_KERNEL` names, if it is there: tests let whole nights
    /// run with each.
    #[must_use]
    pub fn fastest() -> Self {
        let available = Self::available();
        #[cfg(debug_assertions)]
        if let Ok(name) = std::env::var(ASKED)
            && let Some(asked) = available.iter().find(|kernel| kernel.name() == name)
        {
            return *asked;
        }
        available.first().copied().unwrap_or(Self(Kind::Portable))
    }

    /// Its name, for reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Kind::DotProd => "neon-dotprod",
            #[cfg(target_arch = "aarch64")]
            Kind::I8mm => "neon-i8mm",
        }
    }

    pub(super) fn kind(self) -> Kind {
        self.0
    }
}
