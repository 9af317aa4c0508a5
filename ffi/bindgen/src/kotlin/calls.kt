/**
 * How functions of the library are called. JNA can bind them to methods, which makes a call fast,
 * but describes all the types there are by reflection before it binds the first one. So calls go
 * by name until somebody has time for [bind].
 *
 * @suppress
 */
internal object UniffiCalls {
    private val library = com.sun.jna.NativeLibrary.getInstance(
        findLibraryName(componentName = "noctule"),
        UniffiCalls::class.java.classLoader,
    )

    init {
        val contract = library.getFunction(UNIFFI_CONTRACT).invokeInt(arrayOf())
        if (contract != UNIFFI_CONTRACT_VERSION || surface() != UNIFFI_SURFACE) {
            throw UnsatisfiedLinkError(
                "the native library is of another version than its bindings: package both anew",
            )
        }
    }

    /** Whether those that are called often are bound. */
    @Volatile
    @JvmField
    var bound = false

    /** Binds what is called often: takes some milliseconds the first time. */
    fun bind() {
        if (bound) return
        UniffiBound.ensure()
        bound = true
    }

    /** The number of what the library exports. */
    fun surface(): Long = library.getFunction("noctule_surface").invokeLong(arrayOf())

    fun call(name: String, arguments: Pointer, results: Pointer) =
        library.getFunction(name).invokeVoid(arrayOf<Any>(arguments, results))

    fun clone(name: String, handle: Long, status: Pointer): Long =
        library.getFunction(name).invokeLong(arrayOf<Any>(handle, status))

    fun free(name: String, handle: Long, status: Pointer) =
        library.getFunction(name).invokeVoid(arrayOf<Any>(handle, status))

    /** Tells the library of what it can call, which stays where it is. */
    fun tell(name: String, table: Structure) {
        table.write()
        library.getFunction(name).invokeVoid(arrayOf<Any>(table.pointer))
    }

    fun newBuffer(size: Long, buffer: Pointer, status: Pointer) =
        if (bound) UniffiBound.noctule_buffer_new(size, buffer, status)
        else library.getFunction("noctule_buffer_new").invokeVoid(arrayOf<Any>(size, buffer, status))

    fun freeBuffer(buffer: Pointer, status: Pointer) =
        if (bound) UniffiBound.noctule_buffer_free(buffer, status)
        else call("noctule_buffer_free", buffer, status)
}
