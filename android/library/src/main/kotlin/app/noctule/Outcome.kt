package app.noctule

/**
 * What a call gives: a value, or an error with something that the app can do about it. Nothing of
 * this library throws but [getOrThrow] and the flows.
 */
sealed interface Outcome<out T> {
    /** The call did what it says. */
    data class Ok<out T>(val value: T) : Outcome<T>

    /** It did not; [NoctuleError.action] says what to do. */
    data class Failed(val error: NoctuleError) : Outcome<Nothing>

    /** The value, or null. */
    fun getOrNull(): T? = (this as? Ok)?.value

    /** The error, or null. */
    fun errorOrNull(): NoctuleError? = (this as? Failed)?.error

    /** The value; throws a [NoctuleException] without one. */
    fun getOrThrow(): T = when (this) {
        is Ok -> value
        is Failed -> throw NoctuleException(error)
    }
}

/** The value of [this] made into another; an error stays what it is. */
inline fun <T, R> Outcome<T>.map(transform: (T) -> R): Outcome<R> = when (this) {
    is Outcome.Ok -> Outcome.Ok(transform(value))
    is Outcome.Failed -> this
}

/** Calls [action] with the value, if there is one. */
inline fun <T> Outcome<T>.onOk(action: (T) -> Unit): Outcome<T> = apply {
    if (this is Outcome.Ok) action(value)
}

/** Calls [action] with the error, if there is one. */
inline fun <T> Outcome<T>.onFailed(action: (NoctuleError) -> Unit): Outcome<T> = apply {
    if (this is Outcome.Failed) action(error)
}

/** An error where Kotlin wants an exception: [Outcome.getOrThrow] and the flows. */
class NoctuleException(
    /** What went wrong. */
    val error: NoctuleError,
) : Exception(error.toString())
