package app.noctule.sample

import android.app.Application
import android.content.Context
import app.noctule.DataConsent
import app.noctule.NoctuleConfig
import app.noctule.android.NoctuleApp
import app.noctule.android.NoctuleHost
import app.noctule.http.UrlConnectionTransport
import java.net.URL

/** All that an app says once. The workers find it here, also when no screen was ever open. */
class SampleApp : Application(), NoctuleApp {
    private val answers by lazy { getSharedPreferences("consent", Context.MODE_PRIVATE) }

    override val noctuleHost by lazy {
        NoctuleHost(transport = UrlConnectionTransport(URL(BuildConfig.NOCTULE_COLLECTOR))) {
            NoctuleConfig(NoctuleHost.directory(this), BuildConfig.NOCTULE_APP, consent) {
                trustedKeys = listOf(BuildConfig.NOCTULE_KEY)
                widget { surfaces = listOf(SURFACE) }
            }
        }
    }

    /** What the user answered; null before they were asked. */
    var answer: DataConsent?
        get() = answers.getString(ANSWER, null)?.let(DataConsent::valueOf)
        set(value) = answers.edit().putString(ANSWER, value?.name).apply()

    private val consent: DataConsent get() = answer ?: DataConsent.NOT_GIVEN

    companion object {
        /** The surface of this sample. */
        const val SURFACE = "home"

        private const val ANSWER = "answer"
    }
}
