/**
 * Bytes that the library has allocated: how many there is room for, how many are used, where.
 *
 * @suppress
 */
class RustBuffer private constructor() {
    class ByValue(
        @JvmField var capacity: Long = 0,
        @JvmField var len: Long = 0,
        @JvmField var data: Long = 0,
    )
}

/**
 * A buffer of the library with what [write] writes, which is written into memory of this thread
 * first: so nobody has to know before how much it will be.
 */
private inline fun uniffiLowered(write: (ByteBuffer) -> Unit): RustBuffer.ByValue {
    val statuses = uniffiStatuses()
    var room = statuses.takeRoom()
    while (true) {
        try {
            write(room)
            break
        } catch (_: BufferOverflowException) {
            room = ByteBuffer.allocate(Math.multiplyExact(room.capacity(), 2))
        }
    }
    val buffer = uniffiBuffer(room)
    statuses.giveRoom(room)
    return buffer
}

/** What [read] makes of [buffer] of the library, which is freed. */
private inline fun <T> uniffiLifted(buffer: RustBuffer.ByValue, read: (ByteBuffer) -> T): T {
    val bytes = uniffiTaken(buffer)
    val value = read(bytes)
    check(!bytes.hasRemaining()) { "${bytes.remaining()} bytes are left that nobody read" }
    return value
}

/** A buffer of the library with the bytes in front of the position of [written]. */
private fun uniffiBuffer(written: ByteBuffer): RustBuffer.ByValue {
    val count = written.position()
    val buffer = uniffiRustCall { status ->
        status.expect()
        UniffiCalls.newBuffer(count.toLong(), status.results(3), status.ending)
        status.buffer()
    }
    Pointer(buffer.data).write(0, written.array(), 0, count)
    return buffer
}

/** A copy of what is in [buffer], which is freed. */
private fun uniffiTaken(buffer: RustBuffer.ByValue): ByteBuffer = try {
    ByteBuffer.wrap(Pointer(buffer.data).getByteArray(0, Math.toIntExact(buffer.len)))
} finally {
    uniffiFree(buffer)
}

private fun uniffiFree(buffer: RustBuffer.ByValue): Unit = uniffiRustCall { status ->
    status.expect()
    status.put(0, buffer)
    UniffiCalls.freeBuffer(status.arguments, status.ending)
}

/**
 * What one call over the boundary hands over and gets back, in memory of its own: eight bytes for
 * each number and pointer, three times eight for a buffer. First the arguments, then what is
 * returned, then how the call ended. So all that crosses is two addresses: structures that JNA
 * would describe by reflection cost more than the rest of a call, and most of the first start.
 *
 * @suppress
 */
internal class UniffiRustCallStatus {
    private val memory =
        ByteBuffer.allocateDirect(UNIFFI_ELEMENTS * UNIFFI_ELEMENT).order(ByteOrder.nativeOrder())

    /** Where the arguments are. Pointers, since a number is too wide for one on 32 bits. */
    @JvmField val arguments: Pointer = Native.getDirectBufferPointer(memory)

    /** Where the library says how a call ended. */
    @JvmField val ending: Pointer = behind(0)

    private val returnsOne = behind(1)
    private val returnsBuffer = behind(3)

    /** The one below it among those that its thread does not use. */
    @JvmField var below: UniffiRustCallStatus? = null

    /** Where a call puts what it returns, which is of so many elements, with how it ended behind. */
    fun results(elements: Int): Pointer = when (elements) {
        0 -> ending
        1 -> returnsOne
        3 -> returnsBuffer
        else -> throw IllegalArgumentException("nothing returned is of $elements elements")
    }

    private fun behind(elements: Int): Pointer =
        arguments.share((UNIFFI_ENDING - elements).toLong() * UNIFFI_ELEMENT)

    /** Of a call that says how it ended only when that is badly. */
    fun expect() {
        memory.put(UNIFFI_ENDING * UNIFFI_ELEMENT, UNIFFI_CALL_SUCCESS)
    }

    fun put(at: Int, value: Byte) {
        memory.put(at * UNIFFI_ELEMENT, value)
    }

    fun put(at: Int, value: Int) {
        memory.putInt(at * UNIFFI_ELEMENT, value)
    }

    fun put(at: Int, value: Long) {
        memory.putLong(at * UNIFFI_ELEMENT, value)
    }

    fun put(at: Int, value: RustBuffer.ByValue) {
        put(at, value.capacity)
        put(at + 1, value.len)
        put(at + 2, value.data)
    }

    fun byte(): Byte = memory.get((UNIFFI_ENDING - 1) * UNIFFI_ELEMENT)

    fun long(): Long = memory.getLong((UNIFFI_ENDING - 1) * UNIFFI_ELEMENT)

    fun buffer(): RustBuffer.ByValue = buffer(UNIFFI_ENDING - 3)

    private fun buffer(at: Int) = RustBuffer.ByValue(
        memory.getLong(at * UNIFFI_ELEMENT),
        memory.getLong((at + 1) * UNIFFI_ELEMENT),
        pointer((at + 2) * UNIFFI_ELEMENT),
    )

    /** On processors of 32 bits the other half is not written. */
    private fun pointer(at: Int): Long = when (Native.POINTER_SIZE) {
        UNIFFI_ELEMENT -> memory.getLong(at)
        else -> memory.getInt(at).toLong() and 0xFFFF_FFFFL
    }

    val code: Byte get() = memory.get(UNIFFI_ENDING * UNIFFI_ELEMENT)

    val error_buf: RustBuffer.ByValue get() = buffer(UNIFFI_ENDING + 1)

    fun isSuccess() = code == UNIFFI_CALL_SUCCESS

    fun isError() = code == UNIFFI_CALL_ERROR

    fun isPanic() = code == UNIFFI_CALL_UNEXPECTED_ERROR
}

/**
 * What this thread is not in the middle of using, statuses and memory to write arguments into: a
 * call in a callback takes another.
 *
 * @suppress
 */
internal class UniffiStatuses {
    private var top: UniffiRustCallStatus? = null

    fun take(): UniffiRustCallStatus {
        val taken = top ?: return UniffiRustCallStatus()
        top = taken.below
        return taken
    }

    fun give(status: UniffiRustCallStatus) {
        status.below = top
        top = status
    }

    private var room: ByteBuffer? = null

    /** Memory to write arguments into; nobody else has it until it is given back. */
    fun takeRoom(): ByteBuffer {
        val taken = room ?: return ByteBuffer.allocate(1024)
        room = null
        taken.clear()
        return taken
    }

    /** What had to grow far is let go. */
    fun giveRoom(used: ByteBuffer) {
        if (used.capacity() <= 64 * 1024) room = used
    }
}

private val uniffiStatusesOfThreads = ThreadLocal<UniffiStatuses>()

/** Those of this thread. */
private fun uniffiStatuses(): UniffiStatuses = uniffiStatusesOfThreads.get()
    ?: UniffiStatuses().also { uniffiStatusesOfThreads.set(it) }

