package app.noctule

import java.io.File
import java.util.TimeZone
import kotlin.time.Duration

/**
 * How a profile is opened.
 *
 * ```
 * val config = NoctuleConfig(File(context.noBackupFilesDir, "noctule"), "town", consent) {
 *     trustedKeys += BuildConfig.NOCTULE_KEY
 *     widget { surfaces += "home" }
 * }
 * ```
 */
class NoctuleConfig private constructor(private val builder: Builder) {
    /** The profile directory. */
    val directory: File get() = builder.directory

    /** What the bindings take; throws [NoctuleException] for what cannot be said to them. */
    internal fun forBindings(): Config = builder.run {
        Config(
            directory = directory.path,
            app = app,
            consent = consent,
            trustedKeys = trustedKeys.toList(),
            utcOffsetMinutes = utcOffsetMinutes,
            plan = plan,
            allowUnsignedForDevelopment = allowUnsignedForDevelopment,
            trustedRoot = trustedRoot?.clone(),
            delivery = delivery,
            widget = widget?.forBindings(),
            eventKinds = eventKinds.toList(),
            rotatePseudonymDays = rotatePseudonymDays?.let { unsigned("rotate_pseudonym_days", it) },
            collectorKeys = collectorKeys.toList(),
            keepEventsDays = keepEventsDays?.let { unsigned("keep_events_days", it) },
            keepEvents = keepEvents?.let { unsigned("keep_events", it) },
            meteredUploadBytesADay = meteredUploadBytesADay?.let {
                unsigned("metered_upload_bytes_a_day", it)
            },
        )
    }

    /** What can be said, with the library's own choices where nothing is. */
    class Builder(
        /** The profile directory, made when its parent exists: in `noBackupFilesDir`. */
        val directory: File,
        /** The app; releases for another are refused. */
        val app: String,
        /** What the user chose when the app asked. */
        val consent: DataConsent,
    ) {
        /** Public keys whose signature on a release counts, 64 hexadecimal digits each. */
        var trustedKeys: List<String> = emptyList()

        /** `root.json` of the repository whose releases the app takes. */
        var trustedRoot: ByteArray? = null

        /** A fixed offset from UTC; the device's time zone is followed without one. */
        var utcOffsetMinutes: Int? = null

        /** Replaces the plan of the release: JSON in the form it has in a manifest. */
        var plan: String? = null

        /** Takes another pseudonym for feedback every so many days. */
        var rotatePseudonymDays: Int? = null

        /**
         * Public keys of the collector; with any, only what they signed removes feedback or ends a
         * request to delete.
         */
        var collectorKeys: List<String> = emptyList()

        /** Events that were recorded so many days ago are given up. */
        var keepEventsDays: Int? = null

        /** So many events are kept, at least 1,000. */
        var keepEvents: Int? = null

        /** Bytes of feedback that may leave over metered networks in a day; 1 MiB without it. */
        var meteredUploadBytesADay: Long? = null

        /** Lets releases pass that nobody signed: for a developer's own machine. */
        var allowUnsignedForDevelopment: Boolean = false

        internal var delivery: DeliveryPolicy? = null
        internal var widget: Widget? = null
        internal val eventKinds = mutableListOf<KindSchema>()

        /** Follows the releases of [line] in the repository of [trustedRoot]. */
        @JvmOverloads
        fun follow(
            line: String,
            checkEvery: Duration? = null,
            meteredBytesMax: Long? = null,
        ): Builder = apply {
            val policy = DeliveryPolicy(line)
            delivery = policy.copy(
                checkEveryMs = checkEvery?.inWholeMilliseconds ?: policy.checkEveryMs,
                meteredBytesMax = meteredBytesMax?.let { unsigned("metered_bytes_max", it) }
                    ?: policy.meteredBytesMax,
            )
        }

        /** Keeps a file of the current slates for widgets. */
        @JvmOverloads
        fun widget(say: Widget.() -> Unit = {}): Builder = apply { widget = Widget().apply(say) }

        /** Declares an own kind of events with its fields. */
        fun eventKind(name: String, say: Fields.() -> Unit): Builder =
            apply { eventKinds += KindSchema(name, Fields().apply(say).fields) }

        /** The configuration. */
        fun build(): NoctuleConfig = NoctuleConfig(this)
    }

    /** Which slates the file for widgets has. */
    class Widget internal constructor() {
        /** The file; `noctule.slates` in the profile directory without one. */
        var file: File? = null

        /** The surfaces, the most important first; all of the plan when empty. */
        var surfaces: List<String> = emptyList()

        /** Slates, at most. */
        var slatesMax: Int = 64

        /** Slots of each slate, at most. */
        var slotsMax: Int = 8

        /** Reasons of each slot, at most. */
        var reasonsMax: Int = 2

        internal fun forBindings() = WidgetPolicy(
            path = file?.path,
            surfaces = surfaces.toList(),
            slatesMax = unsigned("widget.slates_max", slatesMax),
            slotsMax = unsigned("widget.slots_max", slotsMax),
            reasonsMax = unsigned("widget.reasons_max", reasonsMax),
        )
    }

    /** The fields of an own kind. There is no free text among them. */
    class Fields internal constructor() {
        internal val fields = mutableListOf<FieldSchema>()

        /** Yes or no. */
        fun flag(name: String, required: Boolean = false) = add(name, FieldType.Flag, required)

        /** A number from [min] to [max]. */
        fun number(name: String, min: Double, max: Double, required: Boolean = false) =
            add(name, FieldType.Number(min, max), required)

        /** One of [words]. */
        fun word(name: String, vararg words: String, required: Boolean = false) =
            add(name, FieldType.Word(words.toList()), required)

        private fun add(name: String, holds: FieldType, required: Boolean) {
            fields += FieldSchema(name, holds, required)
        }
    }

    companion object {
        /** A configuration; what [say] leaves out is as the library has it. */
        operator fun invoke(
            directory: File,
            app: String,
            consent: DataConsent,
            say: Builder.() -> Unit = {},
        ): NoctuleConfig = Builder(directory, app, consent).apply(say).build()

        internal fun offsetMinutes(nowMs: Long, zone: TimeZone): Int =
            zone.getOffset(nowMs) / MILLIS_OF_MINUTE

        private const val MILLIS_OF_MINUTE = 60_000
    }
}
