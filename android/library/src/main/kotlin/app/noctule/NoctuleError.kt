package app.noctule

import java.nio.charset.CharacterCodingException

/** What an app can do about an error. */
enum class Action {
    /** Call [Noctule.resume], then again. */
    RESUME,

    /** Somebody else is at it: leave it to them, or try again later. */
    TRY_LATER,

    /** A mistake in the app: mend the call. Nothing was stored. */
    MEND_THE_CALL,

    /** Delete what was downloaded and tell the backend. The release before is untouched. */
    TELL_THE_BACKEND,

    /** Free some space and try again. What was acknowledged before stays. */
    FREE_SPACE,

    /** Log it and go without recommendations. The files were kept. */
    GO_WITHOUT,

    /** Open another. */
    OPEN_ANOTHER,

    /** Report it: a fault of this library, of a model, or of how the app was packaged. */
    REPORT,
}

/** Why a call failed, one for each thing that an app would do about it. Texts are for logs. */
sealed class NoctuleError(
    /** What to do about it. */
    val action: Action,
) {
    /** The profile is suspended. */
    data object Suspended : NoctuleError(Action.RESUME)

    /** A night, an installation, or another process that has the directory open. */
    data class Busy(val reason: String) : NoctuleError(Action.TRY_LATER)

    /** An argument is outside what is allowed; [field] is a path such as `events[3].position`. */
    data class InvalidInput(val field: String, val reason: String) :
        NoctuleError(Action.MEND_THE_CALL)

    /** A release was refused; [file] has the place in it where known. */
    data class ReleaseRefused(val file: String, val reason: String) :
        NoctuleError(Action.TELL_THE_BACKEND)

    /** The disk is full. */
    data class StorageFull(val reason: String) : NoctuleError(Action.FREE_SPACE)

    /** The directory or the database cannot be used. */
    data class Storage(val reason: String) : NoctuleError(Action.GO_WITHOUT)

    /** It was closed. */
    data object Closed : NoctuleError(Action.OPEN_ANOTHER)

    /** A fault of this library, of a model, or a native library that cannot be loaded. */
    data class Internal(val reason: String) : NoctuleError(Action.REPORT)

    internal companion object {
        /** The error that a call of the bindings threw; null for what nobody should catch. */
        fun of(thrown: Throwable): NoctuleError? = when (thrown) {
            is NoctuleException -> thrown.error
            is RecommenderException -> of(thrown)
            is CharacterCodingException ->
                InvalidInput("text", "has an unpaired surrogate, which no UTF-8 can say")
            is LinkageError -> Internal("the native library cannot be used: $thrown")
            is Exception -> Internal(thrown.toString())
            else -> null
        }

        private fun of(thrown: RecommenderException): NoctuleError = when (thrown) {
            is RecommenderException.Suspended -> Suspended
            is RecommenderException.AlreadyRunning -> Busy(thrown.reason)
            is RecommenderException.InvalidInput -> InvalidInput(thrown.field, thrown.reason)
            is RecommenderException.ReleaseRefused -> ReleaseRefused(thrown.file, thrown.reason)
            is RecommenderException.StorageFull -> StorageFull(thrown.reason)
            is RecommenderException.Storage -> Storage(thrown.reason)
            is RecommenderException.Closed -> Closed
            is RecommenderException.Internal -> Internal(thrown.reason)
        }
    }
}

/** Runs a call of the bindings. */
internal inline fun <T> outcomeOf(call: () -> T): Outcome<T> = try {
    Outcome.Ok(call())
} catch (thrown: Throwable) {
    Outcome.Failed(NoctuleError.of(thrown) ?: throw thrown)
}

/** A number that the library takes without a sign. */
internal fun unsigned(field: String, value: Int): UInt {
    if (value < 0) throw NoctuleException(NoctuleError.InvalidInput(field, "$value is below 0"))
    return value.toUInt()
}

/** A number that the library takes without a sign. */
internal fun unsigned(field: String, value: Long): ULong {
    if (value < 0) throw NoctuleException(NoctuleError.InvalidInput(field, "$value is below 0"))
    return value.toULong()
}
