package app.noctule.sample

import android.app.Application
import android.content.Context
import app.noctule.DataConsent
import app.noctule.Noctule
import app.noctule.NoctuleConfig
import app.noctule.Outcome
import app.noctule.android.NoctuleApp
import app.noctule.android.NoctuleHost
import app.noctule.http.UrlConnectionTransport
import java.io.File
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

    /**
     * The release that ships in the app, so that the first run has something to show without any
     * network: `assets/release`, as `noctule pack` wrote it.
     */
    suspend fun installStarter(noctule: Noctule): Outcome<Unit> {
        val releases = noctule.releases()
        if (releases.getOrNull()?.active != null) return Outcome.Ok(Unit)
        val names = assets.list(STARTER).orEmpty()
        if (names.isEmpty()) return Outcome.Ok(Unit)
        val copy = File(cacheDir, STARTER).apply { mkdirs() }
        for (name in names) {
            assets.open("$STARTER/$name").use { from ->
                File(copy, name).outputStream().use { from.copyTo(it) }
            }
        }
        return when (val installed = noctule.installRelease(copy)) {
            is Outcome.Ok -> Outcome.Ok(Unit)
            is Outcome.Failed -> installed
        }.also { copy.deleteRecursively() }
    }

    companion object {
        /** The surface of this sample. */
        const val SURFACE = "home"

        private const val STARTER = "release"
        private const val ANSWER = "answer"
    }
}
