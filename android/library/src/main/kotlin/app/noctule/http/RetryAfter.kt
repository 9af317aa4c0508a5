package app.noctule.http

import java.text.ParsePosition
import java.text.SimpleDateFormat
import java.util.Locale
import java.util.TimeZone

private const val MILLIS_OF_SECOND = 1_000L

/**
 * Seconds that a `Retry-After` header asks to wait: a number, or a date (RFC 9110, section 10.2.3);
 * null for what is neither. The library bounds it to a day.
 */
internal fun retryAfterSeconds(header: String?, nowMs: Long): Long? {
    val text = header?.trim().orEmpty()
    if (text.isNotEmpty() && text.all { it in '0'..'9' }) return text.toLongOrNull() ?: Long.MAX_VALUE
    val format = SimpleDateFormat("EEE, dd MMM yyyy HH:mm:ss zzz", Locale.US)
    format.timeZone = TimeZone.getTimeZone("GMT")
    val date = format.parse(text, ParsePosition(0)) ?: return null
    val wait = (date.time - nowMs).coerceAtLeast(0)
    return (wait + MILLIS_OF_SECOND - 1) / MILLIS_OF_SECOND
}
