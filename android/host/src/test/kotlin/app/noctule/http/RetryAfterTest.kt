package app.noctule.http

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class RetryAfterTest {
    private val now = 784_111_777_000L // Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example

    @Test
    fun `seconds and dates are understood, and nothing else`() {
        assertEquals(120, retryAfterSeconds("120", now))
        assertEquals(120, retryAfterSeconds(" 120 ", now))
        assertEquals(60, retryAfterSeconds("Sun, 06 Nov 1994 08:50:37 GMT", now))
        assertEquals(0, retryAfterSeconds("Sun, 06 Nov 1994 07:00:00 GMT", now))
        assertEquals(Long.MAX_VALUE, retryAfterSeconds("9".repeat(30), now))
        for (nonsense in listOf(null, "", "-5", "soon", "1.5", "١٢")) {
            assertEquals(null, retryAfterSeconds(nonsense, now), "$nonsense")
        }
    }
}
