//! The library as a foreign language calls it: through the C functions that UniFFI makes.
//!
//! A handle is what the generated Kotlin, Swift or Python keeps of an object. It is cloned before
//! every call, which takes the clone, and freed once: here by [`Clone`] and [`Drop`].

use std::mem::ManuallyDrop;

use noctule_ffi::{
    Budget, Config, Durability, FeedbackEvent, Network, NightReport, Receipt, RecommendRequest,
    Recommendations, RecommenderError, ReleaseName, Status, Transfer, TransferOutcome, UniFfiTag,
};
use uniffi::{Handle, Lift, Lower, RustBuffer, RustCallStatus, RustCallStatusCode};

type Result<T> = std::result::Result<T, RecommenderError>;

unsafe extern "C" {
    fn uniffi_noctule_ffi_fn_constructor_canceltoken_new(status: &mut RustCallStatus) -> Handle;
    fn uniffi_noctule_ffi_fn_clone_canceltoken(of: Handle, status: &mut RustCallStatus) -> Handle;
    fn uniffi_noctule_ffi_fn_free_canceltoken(of: Handle, status: &mut RustCallStatus);
    fn uniffi_noctule_ffi_fn_method_canceltoken_cancel(of: Handle, status: &mut RustCallStatus);
    fn uniffi_noctule_ffi_fn_method_canceltoken_cancel_because(
        of: Handle,
        reason: RustBuffer,
        status: &mut RustCallStatus,
    );
    fn uniffi_noctule_ffi_fn_method_canceltoken_is_cancelled(
        of: Handle,
        status: &mut RustCallStatus,
    ) -> i8;
    fn uniffi_noctule_ffi_fn_constructor_recommender_open(
        config: RustBuffer,
        status: &mut RustCallStatus,
    ) -> Handle;
    fn uniffi_noctule_ffi_fn_clone_recommender(of: Handle, status: &mut RustCallStatus) -> Handle;
    fn uniffi_noctule_ffi_fn_free_recommender(of: Handle, status: &mut RustCallStatus);
    fn uniffi_noctule_ffi_fn_method_recommender_close(of: Handle, status: &mut RustCallStatus);
    fn uniffi_noctule_ffi_fn_method_recommender_suspend(of: Handle, status: &mut RustCallStatus);
    fn uniffi_noctule_ffi_fn_method_recommender_resume(of: Handle, status: &mut RustCallStatus);
    fn uniffi_noctule_ffi_fn_method_recommender_status(
        of: Handle,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_rollback(
        of: Handle,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_install_release(
        of: Handle,
        path: RustBuffer,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_recommend(
        of: Handle,
        request: RustBuffer,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_record(
        of: Handle,
        events: RustBuffer,
        durability: RustBuffer,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_run_night(
        of: Handle,
        budget: RustBuffer,
        cancel: Handle,
        progress: RustBuffer,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_next_transfer(
        of: Handle,
        network: RustBuffer,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_noctule_ffi_fn_method_recommender_transfer_finished(
        of: Handle,
        id: RustBuffer,
        outcome: RustBuffer,
        status: &mut RustCallStatus,
    );
}

/// Calls over the boundary; what the other side threw becomes an error.
fn call<T>(body: impl FnOnce(&mut RustCallStatus) -> T) -> Result<T> {
    let mut status = RustCallStatus::default();
    let value = body(&mut status);
    let error = ManuallyDrop::into_inner(std::mem::take(&mut status.error_buf));
    match status.code {
        RustCallStatusCode::Success => Ok(value),
        RustCallStatusCode::Error => {
            let lifted = <RecommenderError as Lift<UniFfiTag>>::try_lift(error);
            Err(lifted.expect("an error of this library"))
        }
        code => {
            let words = String::from_utf8_lossy(&error.destroy_into_vec()).into_owned();
            Err(RecommenderError::Internal { reason: format!("{code:?}: {words}") })
        }
    }
}

fn lowered<T: Lower<UniFfiTag>>(value: T) -> T::FfiType {
    T::lower(value)
}

fn lifted<T: Lift<UniFfiTag, FfiType = RustBuffer>>(buffer: RustBuffer) -> T {
    T::try_lift(buffer).expect("a value of this library")
}

/// A foreign hold on a cancel token.
pub struct Token(Handle);

impl Token {
    /// Makes a new object.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: the function only makes an object.
        let made = call(|s| unsafe { uniffi_noctule_ffi_fn_constructor_canceltoken_new(s) });
        Self(made.expect("it cannot fail"))
    }

    /// A clone for a call to take.
    fn taken(&self) -> Handle {
        // SAFETY: the object lives as long as this hold on it.
        let clone =
            |s: &mut _| unsafe { uniffi_noctule_ffi_fn_clone_canceltoken(self.0.clone(), s) };
        call(clone).expect("it cannot fail")
    }

    /// As the method of this name.
    pub fn cancel(&self) {
        let of = self.taken();
        // SAFETY: the call takes the clone.
        call(|s| unsafe { uniffi_noctule_ffi_fn_method_canceltoken_cancel(of, s) })
            .expect("it cannot fail");
    }

    /// As the method of this name.
    pub fn cancel_because(&self, reason: &str) {
        let (of, reason) = (self.taken(), lowered(reason.to_owned()));
        let method = uniffi_noctule_ffi_fn_method_canceltoken_cancel_because;
        // SAFETY: the call takes the clone and the buffer.
        call(|s| unsafe { method(of, reason, s) }).expect("it cannot fail");
    }

    /// As the method of this name.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let of = self.taken();
        let method = uniffi_noctule_ffi_fn_method_canceltoken_is_cancelled;
        // SAFETY: the call takes the clone.
        call(|s| unsafe { method(of, s) }).expect("it cannot fail") != 0
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        Self(self.taken())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: nobody uses this hold after it; clones have their own.
        let _ = call(|s| unsafe { uniffi_noctule_ffi_fn_free_canceltoken(self.0.clone(), s) });
    }
}

/// A foreign hold on a recommender.
pub struct Profile(Handle);

impl Profile {
    /// Opens a profile.
    ///
    /// # Errors
    /// As `Recommender::open`.
    pub fn open(config: Config) -> Result<Self> {
        let config = lowered(config);
        let open = uniffi_noctule_ffi_fn_constructor_recommender_open;
        // SAFETY: the call takes the buffer.
        call(|s| unsafe { open(config, s) }).map(Self)
    }

    /// A clone for a call to take.
    fn taken(&self) -> Handle {
        // SAFETY: the object lives as long as this hold on it.
        let clone =
            |s: &mut _| unsafe { uniffi_noctule_ffi_fn_clone_recommender(self.0.clone(), s) };
        call(clone).expect("it cannot fail")
    }

    /// As the method of this name.
    pub fn close(&self) {
        let of = self.taken();
        // SAFETY: the call takes the clone.
        call(|s| unsafe { uniffi_noctule_ffi_fn_method_recommender_close(of, s) })
            .expect("it cannot fail");
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn suspend(&self) -> Result<()> {
        let of = self.taken();
        // SAFETY: the call takes the clone.
        call(|s| unsafe { uniffi_noctule_ffi_fn_method_recommender_suspend(of, s) })
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn resume(&self) -> Result<()> {
        let of = self.taken();
        // SAFETY: the call takes the clone.
        call(|s| unsafe { uniffi_noctule_ffi_fn_method_recommender_resume(of, s) })
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn status(&self) -> Result<Status> {
        let of = self.taken();
        // SAFETY: the call takes the clone.
        call(|s| unsafe { uniffi_noctule_ffi_fn_method_recommender_status(of, s) }).map(lifted)
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn rollback(&self) -> Result<ReleaseName> {
        let of = self.taken();
        // SAFETY: the call takes the clone.
        call(|s| unsafe { uniffi_noctule_ffi_fn_method_recommender_rollback(of, s) }).map(lifted)
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn install_release(&self, path: &str) -> Result<ReleaseName> {
        let (of, path) = (self.taken(), lowered(path.to_owned()));
        let method = uniffi_noctule_ffi_fn_method_recommender_install_release;
        // SAFETY: the call takes the clone and the buffer.
        call(|s| unsafe { method(of, path, s) }).map(lifted)
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn recommend(&self, request: RecommendRequest) -> Result<Recommendations> {
        let (of, request) = (self.taken(), lowered(request));
        let method = uniffi_noctule_ffi_fn_method_recommender_recommend;
        // SAFETY: the call takes the clone and the buffer.
        call(|s| unsafe { method(of, request, s) }).map(lifted)
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn record(&self, events: Vec<FeedbackEvent>) -> Result<Receipt> {
        let (of, events) = (self.taken(), lowered(events));
        let durability = lowered(Some(Durability::ProcessEnd));
        let method = uniffi_noctule_ffi_fn_method_recommender_record;
        // SAFETY: the call takes the clone and the buffers.
        call(|s| unsafe { method(of, events, durability, s) }).map(lifted)
    }

    /// As the method of this name, without a listener.
    ///
    /// # Errors
    /// Those of the method.
    pub fn run_night(&self, cancel: &Token) -> Result<NightReport> {
        let (of, cancel) = (self.taken(), cancel.taken());
        // None of any type is the same byte.
        let (budget, nobody) = (lowered(Budget::default()), lowered(None::<String>));
        let method = uniffi_noctule_ffi_fn_method_recommender_run_night;
        // SAFETY: the call takes the clones and the buffers.
        call(|s| unsafe { method(of, budget, cancel, nobody, s) }).map(lifted)
    }

    /// As the method of this name, without a meter.
    ///
    /// # Errors
    /// Those of the method.
    pub fn next_transfer(&self) -> Result<Transfer> {
        let (of, network) = (self.taken(), lowered(Network::Unmetered));
        let method = uniffi_noctule_ffi_fn_method_recommender_next_transfer;
        // SAFETY: the call takes the clone and the buffer.
        call(|s| unsafe { method(of, network, s) }).map(lifted)
    }

    /// As the method of this name.
    ///
    /// # Errors
    /// Those of the method.
    pub fn transfer_finished(&self, id: &str, outcome: TransferOutcome) -> Result<()> {
        let (of, id, outcome) = (self.taken(), lowered(id.to_owned()), lowered(outcome));
        let method = uniffi_noctule_ffi_fn_method_recommender_transfer_finished;
        // SAFETY: the call takes the clone and the buffers.
        call(|s| unsafe { method(of, id, outcome, s) })
    }
}

impl Clone for Profile {
    fn clone(&self) -> Self {
        Self(self.taken())
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // SAFETY: nobody uses this hold after it; clones have their own.
        let _ = call(|s| unsafe { uniffi_noctule_ffi_fn_free_recommender(self.0.clone(), s) });
    }
}
