package app.noctule.http

import app.noctule.FetchRequest
import app.noctule.TransferOutcome
import app.noctule.UploadRequest

/**
 * Moves the bytes that the library asks for. [UrlConnectionTransport] does it with what every
 * Android has; an app with a client of its own implements this instead.
 *
 * What goes wrong is [TransferOutcome.NoAnswer], never an exception: a file that was cut short needs
 * no care, since what is in it is checked before it is used.
 */
interface Transport {
    /** Sends a POST to the collector. */
    suspend fun upload(request: UploadRequest): TransferOutcome

    /**
     * Gets a file of the repository: the body of a 206 goes to `destination` from byte `offset` on,
     * that of a 200 from the begin, never more than up to byte `offset + length_max`.
     */
    suspend fun fetch(request: FetchRequest): TransferOutcome
}
