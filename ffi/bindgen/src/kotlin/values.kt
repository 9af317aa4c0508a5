/**
 * How an object crosses the boundary: by its handle.
 *
 * @suppress
 */
public interface FfiConverter<KotlinType, FfiType> {
    fun lift(value: FfiType): KotlinType

    fun lower(value: KotlinType): FfiType

    fun read(buf: ByteBuffer): KotlinType

    fun allocationSize(value: KotlinType): ULong

    fun write(value: KotlinType, buf: ByteBuffer)
}

/** A buffer of the library with [value] in UTF-8. */
internal fun uniffiLoweredString(value: String): RustBuffer.ByValue =
    uniffiLowered { buf -> uniffiWriteLetters(value, buf) }

/** What is in a buffer of the library, which is freed. */
internal fun uniffiLiftedString(buffer: RustBuffer.ByValue): String =
    uniffiLifted(buffer) { buf -> uniffiReadLetters(buf, buf.limit()) }

/** Writes [value] behind its length. */
private fun uniffiWriteString(value: String, buf: ByteBuffer) {
    val begin = buf.position()
    buf.putInt(value.length)
    uniffiWriteLetters(value, buf)
    buf.putInt(begin, buf.position() - begin - Int.SIZE_BYTES)
}

/**
 * Writes [value] in UTF-8: letters of ASCII one by one, which names of items and surfaces consist
 * of. A surrogate without its other half is an exception.
 */
private fun uniffiWriteLetters(value: String, buf: ByteBuffer) {
    val begin = buf.position()
    for (letter in value) {
        if (letter.code >= 0x80) {
            val encoder = StandardCharsets.UTF_8.newEncoder()
                .onMalformedInput(CodingErrorAction.REPORT)
            buf.position(begin)
            buf.put(encoder.encode(CharBuffer.wrap(value)))
            return
        }
        buf.put(letter.code.toByte())
    }
}

private fun uniffiReadString(buf: ByteBuffer): String = uniffiReadLetters(buf, buf.getInt())

/** The [length] bytes of UTF-8 that come next. */
private fun uniffiReadLetters(buf: ByteBuffer, length: Int): String {
    val begin = buf.position()
    buf.position(begin + length)
    return String(buf.array(), begin, length, StandardCharsets.UTF_8)
}

private fun uniffiWriteByteArray(value: ByteArray, buf: ByteBuffer) {
    buf.putInt(value.size)
    buf.put(value)
}

private fun uniffiReadByteArray(buf: ByteBuffer): ByteArray {
    val bytes = ByteArray(buf.getInt())
    buf.get(bytes)
    return bytes
}

/** What may be missing, behind a byte that says whether it is there. */
private inline fun <T : Any> uniffiWriteOptional(value: T?, buf: ByteBuffer, write: (T) -> Unit) {
    buf.put(if (value == null) 0.toByte() else 1.toByte())
    if (value != null) write(value)
}

private inline fun <T : Any> uniffiReadOptional(buf: ByteBuffer, read: () -> T): T? =
    if (buf.get().toInt() == 0) null else read()

/** Any number of values, behind their number. */
private inline fun <T> uniffiWriteSequence(value: List<T>, buf: ByteBuffer, write: (T) -> Unit) {
    buf.putInt(value.size)
    for (one in value) write(one)
}

private inline fun <T> uniffiReadSequence(buf: ByteBuffer, read: () -> T): List<T> =
    List(buf.getInt()) { read() }

