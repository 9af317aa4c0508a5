/**
 * Bytes that the library has allocated: how many there are room for, how many are used, where.
 *
 * @suppress
 */
class RustBuffer private constructor() {
    class ByValue(
        @JvmField var capacity: Long = 0,
        @JvmField var len: Long = 0,
        @JvmField var data: Long = 0,
    ) {
        /** The bytes that are used. */
        fun asByteBuffer(): ByteBuffer? = bytes(len)

        /** All that there is room for. */
        internal fun whole(): ByteBuffer = bytes(capacity)
            ?: throw IllegalStateException("a buffer of $capacity bytes is nowhere")

        private fun bytes(count: Long): ByteBuffer? =
            if (data == 0L) null else Pointer(data).getByteBuffer(0, count).order(ByteOrder.BIG_ENDIAN)
    }

    companion object {
        internal fun alloc(size: ULong = 0UL): ByValue = uniffiRustCall { status ->
            status.expect()
            UniffiCalls.newBuffer(size.toLong(), status.results(3), status.ending)
            status.buffer()
        }

        internal fun free(buf: ByValue): Unit = uniffiRustCall { status ->
            status.expect()
            status.put(0, buf)
            UniffiCalls.freeBuffer(status.arguments, status.ending)
        }
    }
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
    private val memory = ByteBuffer.allocateDirect(ELEMENTS * ELEMENT).order(ByteOrder.nativeOrder())

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
        arguments.share((ENDING - elements).toLong() * ELEMENT)

    /** Of a call that says how it ended only when that is badly. */
    fun expect() {
        memory.put(ENDING * ELEMENT, UNIFFI_CALL_SUCCESS)
    }

    fun put(at: Int, value: Byte) {
        memory.put(at * ELEMENT, value)
    }

    fun put(at: Int, value: Int) {
        memory.putInt(at * ELEMENT, value)
    }

    fun put(at: Int, value: Long) {
        memory.putLong(at * ELEMENT, value)
    }

    fun put(at: Int, value: RustBuffer.ByValue) {
        put(at, value.capacity)
        put(at + 1, value.len)
        put(at + 2, value.data)
    }

    fun byte(): Byte = memory.get((ENDING - 1) * ELEMENT)

    fun long(): Long = memory.getLong((ENDING - 1) * ELEMENT)

    fun buffer(): RustBuffer.ByValue = buffer(ENDING - 3)

    private fun buffer(at: Int) = RustBuffer.ByValue(
        memory.getLong(at * ELEMENT),
        memory.getLong((at + 1) * ELEMENT),
        pointer((at + 2) * ELEMENT),
    )

    /** On processors of 32 bits the other half is not written. */
    private fun pointer(at: Int): Long = when (Native.POINTER_SIZE) {
        ELEMENT -> memory.getLong(at)
        else -> memory.getInt(at).toLong() and 0xFFFF_FFFFL
    }

    val code: Byte get() = memory.get(ENDING * ELEMENT)

    val error_buf: RustBuffer.ByValue get() = buffer(ENDING + 1)

    fun isSuccess() = code == UNIFFI_CALL_SUCCESS

    fun isError() = code == UNIFFI_CALL_ERROR

    fun isPanic() = code == UNIFFI_CALL_UNEXPECTED_ERROR

    private companion object {
        const val ELEMENT = 8
        const val ENDING = UNIFFI_ARGUMENTS + 3
        const val ELEMENTS = ENDING + 4
    }
}

/**
 * What this thread is not in the middle of using: a call in a callback takes another.
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

    companion object : ThreadLocal<UniffiStatuses>() {
        override fun initialValue() = UniffiStatuses()
    }
}

/**
 * Writes [value] behind its length: letters of ASCII one by one, which names of items and surfaces
 * consist of, and anything else as [encode] has it.
 */
private inline fun uniffiWrite(value: String, buf: ByteBuffer, encode: (String) -> ByteBuffer) {
    val begin = buf.position()
    buf.putInt(value.length)
    for (letter in value) {
        if (letter.code >= 0x80) {
            buf.position(begin)
            val bytes = encode(value)
            buf.putInt(bytes.limit())
            buf.put(bytes)
            return
        }
        buf.put(letter.code.toByte())
    }
}
