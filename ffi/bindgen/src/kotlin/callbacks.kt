/**
 * A buffer as an argument of a callback, which JNA makes a structure of.
 *
 * @suppress
 */
@Structure.FieldOrder("capacity", "len", "data")
internal open class UniffiCallbackBuffer : Structure() {
    @JvmField var capacity: Long = 0
    @JvmField var len: Long = 0
    @JvmField var data: Pointer? = null

    class ByValue : UniffiCallbackBuffer(), Structure.ByValue

    fun taken() = RustBuffer.ByValue(capacity, len, Pointer.nativeValue(data))
}

/**
 * How a callback ended, for the library to read.
 *
 * @suppress
 */
@Structure.FieldOrder("code", "buffer")
internal open class UniffiCallbackStatus : Structure() {
    @JvmField var code: Byte = 0
    @JvmField var buffer: UniffiCallbackBuffer.ByValue = UniffiCallbackBuffer.ByValue()

    fun fail(code: Byte, with: RustBuffer.ByValue) {
        this.code = code
        buffer.capacity = with.capacity
        buffer.len = with.len
        buffer.data = Pointer(with.data)
    }
}
